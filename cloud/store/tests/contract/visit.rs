//! Contract of visits: signals that are noted together leave what they would have left one after the other.

use aisle_schemas::{
    ids::{TouchpointId, VisitToken, ZoneId},
    visit::{CheckInMethod, CloseReason},
};
use aisle_store::{
    testing::{World, on_both},
    visit::{self, NewVisit, Signals},
};

use crate::common::{at, customer, enrol, id, node};

fn zone(name: &str) -> ZoneId {
    ZoneId::parse(name).unwrap()
}

#[test]
fn signals_noted_together_leave_the_place_and_the_time_of_the_newest() {
    on_both(|World { db, kind, .. }| async move {
        enrol(&db, &["t.s1.n1"]).await;
        let customer = customer(&db, 1).await;
        for (n, closed) in [(1, Some((at(500), CloseReason::Left))), (2, None)] {
            let new = NewVisit {
                visit: id::visit(n),
                node: node("t.s1.n1"),
                token: VisitToken::from_random([n; 16]),
                customer: Some(customer),
                method: CheckInMethod::Nfc,
                touchpoint: TouchpointId::parse("door-1").unwrap(),
                opened_at: at(100),
                closed,
                prev_visit: None,
                traceparent: None,
            };
            assert!(db.write(move |tx| Box::pin(async move { visit::insert(tx, &new).await })).await.unwrap(), "{kind}");
        }

        let mut open = Signals::new(id::visit(2), at(200), Some(&zone("pets")));
        open.add(at(400), Some(&zone("home")));
        open.add(at(300), Some(&zone("fresh")));
        open.add(at(500), None);
        let signals = vec![open, Signals::new(id::visit(1), at(450), None), Signals::new(id::visit(3), at(450), None)];
        let met = db.write(move |tx| Box::pin(async move { visit::see(tx, &signals).await })).await.unwrap();
        assert_eq!(met.len(), 2, "{kind}: nobody knows the third visit");
        assert_eq!(met[&id::visit(1)].closed_at, Some(at(500)), "{kind}");
        assert_eq!((met[&id::visit(2)].customer, met[&id::visit(2)].closed_at), (Some(customer), None), "{kind}");
        let seen = visit::find(&mut db.read().await.unwrap(), id::visit(2)).await.unwrap().unwrap();
        assert_eq!((seen.zone, seen.seen_at), (Some(zone("home")), at(500)), "{kind}");

        let older = vec![Signals::new(id::visit(2), at(499), Some(&zone("pantry")))];
        db.write(move |tx| Box::pin(async move { visit::see(tx, &older).await })).await.unwrap();
        let seen = visit::find(&mut db.read().await.unwrap(), id::visit(2)).await.unwrap().unwrap();
        assert_eq!((seen.zone, seen.seen_at), (Some(zone("home")), at(500)), "{kind}: an older signal moves nobody");
    });
}
