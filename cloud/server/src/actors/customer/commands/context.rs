//! What other systems know of where a customer is and how they are: for clause 4 of the gate and for the home page.
//!
//! Owns the command of context reports. Emits `home`.

use aisle_schemas::http::cloud::ContextReport;

use crate::{
    actors::customer::{Command, Decided, World, change::Changes, state::Customer},
    problem::Refusal,
    wire,
};

/// A report; what it leaves out stays.
pub struct ReportContext(pub ContextReport);

impl Command for ReportContext {
    type Answer = ();
    const NAME: &'static str = "report_context";
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<()>, Refusal> {
        let ContextReport { email: _, class, hurried, open_complaint } = &self.0;
        let mut profile = customer.profile.clone();
        if let Some(class) = class {
            profile.context = Some((*class, world.now));
        }
        profile.hurried = hurried.unwrap_or(profile.hurried);
        profile.open_complaint = open_complaint.unwrap_or(profile.open_complaint);
        let mut changes = Changes { profile: Some(profile.clone()), ..Changes::default() };
        if class.is_some() {
            let mut next = customer.clone();
            next.profile = profile;
            changes.tell("home", &wire::home(next.context(world.now)));
        }
        Ok(Decided { changes, answer: () })
    }
}
