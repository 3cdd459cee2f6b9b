//! A35: personal advice on a staff tablet, after a digital handshake and not before.

use aisle_schemas::handshake::{HandshakeId, Sas, Scope, commitment, transcript};
use aisle_schemas::http::cloud::{AboutMe, HandshakeFacts, HandshakeState, OwnSize, SharedField, Wish};
use aisle_schemas::http::tablet::TabletView;
use aisle_schemas::ids::EventId;
use aisle_schemas::topic::DeviceKind;
use aisle_sim::client::{CallError, Tablet};
use aisle_sim::world::deployment::{STAFF, StaffOfDemo};
use aisle_tests::DEADLINE;
use aisle_tests::world::{Member, Profile, World};
use anyhow::{Context, Result};
use chrono::TimeDelta;

const NAME: &str = "canary-name-jo";
const WISH: &str = "canary-wish-boots";
const SIZE: &str = "canary-42";

async fn tablet(world: &World, store: usize, staff: &StaffOfDemo) -> Result<Tablet> {
    let target = &world.stores[store].target;
    let tablet = Tablet::join(&target.http, "tablet-1", &world.stores[store].bus(DeviceKind::Tablet, "tablet-1")?.secret).await?;
    tablet.sign_in(staff.badge, staff.pin).await?;
    tablet.sign(true).await?;
    Ok(tablet)
}

async fn within<T>(what: &'static str, wait: impl Future<Output = T>) -> Result<T> {
    tokio::time::timeout(DEADLINE, wait).await.context(what)
}

/// Claims with the code that the tablet shows, and compares the number on both devices.
async fn claim(tablet: &Tablet, member: &Member, handshake: HandshakeId) -> Result<()> {
    let code = within(
        "the tablet shows a code",
        tablet.shows(|view| match view {
            TabletView::Offered { code, announced: true, handshake: of, .. } if *of == handshake => Some(code.clone()),
            _ => None,
        }),
    )
    .await?;
    let facts: HandshakeFacts = member.handshake(handshake).await?;
    let nonce: [u8; 32] = rand::random();
    let claimed = member.claim_handshake(handshake, &code, nonce).await?;
    let mut theirs = [0; 32];
    hex::decode_to_slice(&claimed.nonce, &mut theirs)?;
    let commit = commitment(&theirs);
    assert_eq!(hex::encode(commit), facts.commit, "the tablet's side could not choose after it saw the phone's nonce");
    let here = Sas::of(&transcript(&handshake.to_string(), &commit, &nonce, &theirs));
    let there = within(
        "the tablet shows the number",
        tablet.shows(|view| match view {
            TabletView::Claimed { sas, .. } => Some(*sas),
            _ => None,
        }),
    )
    .await?;
    assert_eq!(here, there);
    Ok(())
}

async fn over(tablet: &Tablet) -> Result<bool> {
    within(
        "the consultation is over",
        tablet.shows(|view| match view {
            TabletView::Over { shared, .. } => Some(*shared),
            _ => None,
        }),
    )
    .await
}

fn refusal<T: std::fmt::Debug>(answer: Result<T>) -> (u16, String) {
    let error = answer.expect_err("it is refused");
    let (status, code) = error.downcast_ref::<CallError>().and_then(CallError::refusal).expect("a refusal");
    (status, code.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a35_the_tablet_gets_what_was_granted_for_as_long_as_it_was_and_each_field_is_on_record() -> Result<()> {
    for profile in Profile::all() {
        let world = World::start(profile, 1).await?;
        let member = world.member("jo", &[]).await?;
        member
            .tell_about_me(&AboutMe {
                display_name: Some(NAME.to_owned()),
                wishes: vec![Wish { sku: None, text: WISH.to_owned() }],
                sizes: vec![OwnSize { of: "Schuhe".to_owned(), size: SIZE.to_owned() }],
            })
            .await?;
        let entered = world.enter_and_be_known(&member, 0).await?;
        let tablet = tablet(&world, 0, &STAFF[0]).await?;

        // Before consent: nothing.
        let handshake = tablet.offer(&[Scope::Wishlist, Scope::Sizes]).await?;
        claim(&tablet, &member, handshake).await?;
        assert_eq!(refusal(tablet.read(handshake, Scope::Wishlist).await), (409, "not_open".to_owned()));

        // After consent to the wish list: the wish list.
        let jti = EventId::new(1, rand::random());
        member.grant_handshake(handshake, jti, &[Scope::Wishlist], 10).await?;
        let scopes = within(
            "the consultation is active",
            tablet.shows(|view| match view {
                TabletView::Active { scopes, suspended: false, .. } => Some(scopes.clone()),
                _ => None,
            }),
        )
        .await?;
        assert_eq!(scopes, [Scope::Wishlist]);
        let shared = tablet.read(handshake, Scope::Wishlist).await?;
        assert_eq!(shared.fields, [SharedField { name: "wishlist.0".to_owned(), value: WISH.to_owned(), sku: None }]);
        for other in [Scope::Sizes, Scope::DisplayName, Scope::Purchases90d] {
            assert_eq!(refusal(tablet.read(handshake, other).await), (403, "insufficient_scope".to_owned()));
        }
        let receipt = member.receipt(handshake).await?;
        assert_eq!((receipt.read.as_slice(), receipt.scopes.as_slice()), (&["wishlist.0".to_owned()][..], &[Scope::Wishlist][..]));
        let replayed = member.grant_handshake(handshake, jti, &[Scope::Wishlist], 10).await;
        assert_eq!(refusal(replayed), (409, "replay".to_owned()));

        // The customer ends it.
        assert_eq!(member.revoke_handshake(handshake).await?.state, HandshakeState::Over);
        assert!(over(&tablet).await?);
        tablet.purged(handshake).await?;
        assert_eq!(refusal(tablet.read(handshake, Scope::Wishlist).await), (409, "not_open".to_owned()));
        let seen: String = tablet.inbox().all().into_iter().map(|seen| seen.body).collect();
        assert!([NAME, WISH, SIZE, &member.email].iter().all(|canary| !seen.contains(canary)), "the tablet's stream names nothing");

        // A second one ends at the store, on its own network, while nothing of the cloud is asked; a third by check-out.
        for leave in [false, true] {
            let handshake = tablet.offer(&[Scope::Wishlist]).await?;
            claim(&tablet, &member, handshake).await?;
            member.grant_handshake(handshake, EventId::new(1, rand::random()), &[Scope::Wishlist], 10).await?;
            within("the consultation is active", tablet.shows(|view| matches!(view, TabletView::Active { .. }).then_some(()))).await?;
            if leave {
                world.leave(0, entered.token).await?;
            } else {
                world.stores[0].floor()?.revoke_handshake(entered.token, handshake).await?;
            }
            assert!(over(&tablet).await?);
            tablet.purged(handshake).await?;
        }
        world.stop().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a35_who_is_not_in_the_store_late_or_second_gets_no_number_and_time_ends_what_was_granted() -> Result<()> {
    let world = World::start(Profile::Embedded, 2).await?;
    let (here, there) = (world.member("jo", &[]).await?, world.member("kim", &[]).await?);
    let tablet = tablet(&world, 0, &STAFF[0]).await?;
    let handshake = tablet.offer(&[Scope::Wishlist]).await?;
    let code = within(
        "the tablet shows a code",
        tablet.shows(|view| match view {
            TabletView::Offered { code, announced: true, .. } => Some(code.clone()),
            _ => None,
        }),
    )
    .await?;
    let claimed = async |member: &Member| refusal(member.claim_handshake(handshake, &code, [1; 32]).await.map_err(Into::into));
    assert_eq!(claimed(&here).await, (409, "no_session".to_owned()));
    world.enter_and_be_known(&there, 1).await?;
    assert_eq!(claimed(&there).await, (409, "not_in_store".to_owned()));
    world.enter_and_be_known(&here, 0).await?;
    // Half a minute at a time, as a tablet lives: without a sign for longer its offer would end.
    for _ in 0..2 {
        tablet.sign(true).await?;
        world.pass(TimeDelta::seconds(25));
    }
    assert_eq!(claimed(&here).await, (409, "code_expired".to_owned()));
    tablet.sign(true).await?;
    claim(&tablet, &here, handshake).await?;
    let second = world.member("lee", &[]).await?;
    world.enter_and_be_known(&second, 0).await?;
    assert_eq!(claimed(&second).await, (409, "code_used".to_owned()));

    here.grant_handshake(handshake, EventId::new(1, rand::random()), &[Scope::Wishlist], 5).await?;
    within("the consultation is active", tablet.shows(|view| matches!(view, TabletView::Active { .. }).then_some(()))).await?;
    // Half a minute at a time, as a tablet lives: it says that it is there, and somebody touches it.
    for _ in 0..10 {
        tablet.sign(true).await?;
        world.pass(TimeDelta::seconds(29));
    }
    tablet.sign(true).await?;
    world.pass(TimeDelta::seconds(15));
    assert!(over(&tablet).await?);
    assert_eq!(here.receipt(handshake).await?.state, HandshakeState::Over);

    // What ends behind the lock and is not confirmed costs its own member of staff the tablet, and nobody who came after.
    tablet.sign_in(STAFF[0].badge, STAFF[0].pin).await?;
    let handshake = tablet.offer(&[Scope::Wishlist]).await?;
    claim(&tablet, &here, handshake).await?;
    here.grant_handshake(handshake, EventId::new(1, rand::random()), &[Scope::Wishlist], 5).await?;
    within("the consultation is active", tablet.shows(|view| matches!(view, TabletView::Active { .. }).then_some(()))).await?;
    tablet.read(handshake, Scope::Wishlist).await?;
    for _ in 0..3 {
        tablet.sign(false).await?;
        world.pass(TimeDelta::seconds(25));
    }
    within("the tablet locks", tablet.shows(|view| matches!(view, TabletView::Locked { .. }).then_some(()))).await?;
    tablet.sign_in(STAFF[1].badge, STAFF[1].pin).await?;
    tablet.sign(true).await?;
    world.pass(TimeDelta::seconds(10));
    tablet.sign(true).await?;
    tablet.offer(&[Scope::Wishlist]).await?;
    world.stop().await
}
