//! Contract of products and stock, on both databases.

use aisle_schemas::{
    content::{Currency, Money},
    product::{Measure, PriceFrom, ProductSheet, StockReport},
    text::LocalText,
};
use aisle_store::{
    StoreError,
    product::{self, ProductCommit},
    testing::{World, on_both},
};

use crate::common::at;

fn sheet(sku: &str, gtin: &str) -> ProductSheet {
    ProductSheet {
        sku: sku.parse().unwrap(),
        gtins: vec![gtin.parse().unwrap()],
        name: LocalText::new(sku, sku),
        category: "fresh".parse().unwrap(),
        image: None,
        media: vec![],
        prices: vec![PriceFrom { price: Money { minor: 199, currency: Currency::Eur }, from: at(0) }],
        reference: None,
        measure: Measure::Piece,
        pack: None,
        codes: vec![],
        tax_bp: 700,
        min_age: None,
        deposit: None,
        variant: None,
        place: None,
        textile: false,
        care: None,
        high_shrink: false,
    }
}

fn commit(expect_version: u64, sheets: Vec<ProductSheet>, levels: Vec<StockReport>) -> ProductCommit {
    ProductCommit { expect_version, sheets, levels, down: vec![], at: at(0) }
}

#[test]
fn products_and_stock_are_written_from_one_version_and_a_number_is_one_products() {
    on_both(|World { db, kind, .. }| async move {
        let (pen, gum) = (sheet("pen", "4006381333931"), sheet("gum", "96385074"));
        product::commit(&db, commit(0, vec![pen.clone(), gum.clone()], vec![])).await.unwrap();
        assert!(matches!(product::commit(&db, commit(0, vec![pen.clone()], vec![])).await, Err(StoreError::Stale)), "{kind}");
        let stranger = sheet("pencil", "4006381333931");
        assert!(matches!(product::commit(&db, commit(1, vec![stranger], vec![])).await, Err(StoreError::Conflict(_))), "{kind}");
        // Numbers pass within one batch.
        let (pen, gum) = (sheet("pen", "96385074"), sheet("gum", "4006381333931"));
        product::commit(&db, commit(1, vec![pen.clone(), gum.clone()], vec![])).await.unwrap();
        let level = |count, ms| StockReport { sku: pen.sku.clone(), store: "s1".parse().unwrap(), count, at: at(ms) };
        product::commit(&db, commit(2, vec![], vec![level(3, 1)])).await.unwrap();
        product::commit(&db, commit(3, vec![], vec![level(2, 2)])).await.unwrap();
        let conn = &mut db.read().await.unwrap();
        assert_eq!(product::all(conn).await.unwrap(), [gum, pen], "{kind}");
        let stock = product::stock(conn).await.unwrap();
        assert_eq!(stock.iter().map(|(_, level)| (level.count, level.at)).collect::<Vec<_>>(), [(2, at(2))], "{kind}");
        assert_eq!(product::version(conn).await.unwrap(), 4, "{kind}");
    });
}
