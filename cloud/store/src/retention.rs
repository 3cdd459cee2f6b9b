//! What is deleted because its time is over.
//!
//! Owns the periods and one call that applies them all, to be made every few minutes. Deleting late is harmless; deleting twice too.

use aisle_schemas::limits::JOURNAL_DAYS;
use chrono::{DateTime, TimeDelta, Utc};

use crate::{db::Db, down, error::StoreError, statement::run};

/// A store may be offline for weeks, and its check-ins still name their customers.
pub const PASS_KEPT: TimeDelta = TimeDelta::days(90);
/// Codes live 60 s; the margin covers clocks that differ.
pub const CODE_KEPT: TimeDelta = TimeDelta::days(1);
/// The rate rule of sign-in looks back one hour.
pub const SIGN_IN_KEPT: TimeDelta = TimeDelta::days(1);
/// As long as clients may repeat a request.
pub const ANSWER_KEPT: TimeDelta = TimeDelta::days(1);
/// An order to admit expires within minutes; its outcome may be late.
pub const ADMISSION_KEPT: TimeDelta = TimeDelta::days(7);

/// Applies every period as of `now`, and trims the down logs (AS-009).
pub async fn apply(db: &Db, now: DateTime<Utc>) -> Result<(), StoreError> {
    db.write(move |tx| {
        Box::pin(async move {
            let journal = now - TimeDelta::days(i64::from(JOURNAL_DAYS));
            run!(tx, execute, "retention/journal.sql", journal)?;
            // What people settled goes with the journal that knows its id; what nobody settled stays.
            run!(tx, execute, "retention/quarantine.sql", journal)?;
            run!(tx, execute, "retention/pass.sql", now - PASS_KEPT)?;
            run!(tx, execute, "retention/code_used.sql", now - CODE_KEPT)?;
            run!(tx, execute, "retention/sign_in.sql", now - SIGN_IN_KEPT)?;
            run!(tx, execute, "retention/session.sql", now)?;
            run!(tx, execute, "retention/answer.sql", now - ANSWER_KEPT)?;
            run!(tx, execute, "retention/admission.sql", now - ADMISSION_KEPT)?;
            down::trim(tx, now).await
        })
    })
    .await
}
