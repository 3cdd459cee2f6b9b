//! Sales of a known customer, for relevance.
//!
//! Owns the command that learns from them. A sale is taken once by its source's reference: the same again is answered the same, another
//! under the same reference is refused.

use aisle_cloud_core::ranking::{TasteEvent, TasteKey};
use aisle_schemas::http::cloud::SalesReport;
use aisle_store::customer_commit::Sale;

use crate::{
    actors::customer::{Command, Decided, World, change::Changes, state::Customer},
    problem::Refusal,
};

/// Take a sale. The hash is of the report as it came.
pub struct TakeSale {
    pub report: SalesReport,
    pub hash: [u8; 32],
}

impl Command for TakeSale {
    type Answer = ();
    const NAME: &'static str = "take_sale";
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<()>, Refusal> {
        let SalesReport { source_ref, email: _, at, lines } = &self.report;
        let mut bought: Vec<(TasteKey, TasteKey)> =
            lines.iter().map(|line| (TasteKey::item(&line.product.sku), TasteKey::category(&line.product.category))).collect();
        bought.sort_unstable();
        bought.dedup();
        let sale = Sale {
            source_ref: source_ref.clone(),
            hash: self.hash,
            at: *at,
            products: lines.iter().map(|line| line.product.clone()).collect(),
        };
        let mut changes = Changes { sale: Some(sale), ..Changes::default() };
        // A purchase reported late speaks for the day on which it was made.
        let mut taste = customer.taste.clone();
        taste.learn(TasteEvent::Purchase(&bought), (*at).min(world.now));
        changes.taste = Some(taste.to_bytes());
        Ok(Decided { changes, answer: () })
    }
    fn conflict(&self) -> Refusal {
        Refusal::conflict("sale_exists").field("/source_ref").detail("another sale was reported under this reference")
    }
}
