//! What is said between a node and the cloud about one handshake.
//!
//! Owns the open call in which the customer's questions come, and the word of the end. Takes what the cloud asks, and how it ended here; emits
//! answers. On failure: the call is made again; an end is told until the cloud has heard it or its own clock has ended everything.
use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use aisle_node_core::consultation::{GRANT_LIFE, Outcome};
use aisle_schemas::handshake::HandshakeId;
use aisle_schemas::http::cloud::{RelayCall, RelayReply};
use tokio::sync::watch;

use super::consultation::Consultations;
use super::consultation_messages::{Announced, Heard};
use crate::relay::{Relay, RelayError};

/// Wait before a call that failed is made again.
pub(super) const RETRY: Duration = Duration::from_secs(2);
/// The cloud is told of an end for this long: until whatever was granted is over by its own clock, with room for that clock.
const END_TOLD_FOR: Duration = GRANT_LIFE.saturating_add(Duration::from_secs(60));

/// Speaks with the cloud about one handshake, until it is over there as well.
pub(super) async fn converse(
    relay: Arc<Relay>,
    id: HandshakeId,
    announce: RelayCall,
    to: Addr<Consultations>,
    mut over: watch::Receiver<Option<Outcome>>,
) {
    let mut after = None;
    loop {
        if over.borrow().is_some() {
            break;
        }
        let call = match &after {
            None => announce.clone(),
            Some(after) => RelayCall::Poll { after: String::clone(after) },
        };
        let reply = tokio::select! {
            reply = relay.call(id, &call) => reply,
            _ = over.wait_for(Option::is_some) => break,
        };
        match reply {
            Ok(RelayReply::Asks { asks, after: next }) => {
                if after.replace(next).is_none() && to.send(Announced(id)).await.is_err() {
                    return;
                }
                for ask in asks {
                    let Ok(answer) = to.send(Heard { handshake: id, ask }).await else { return };
                    if let Some(answer) = answer
                        && let Err(error) = relay.call(id, &answer).await
                    {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "a claim's answer did not reach the cloud: the phone asks again"
                        );
                    }
                }
            }
            // A call that was silent has waited already.
            Ok(RelayReply::Done | RelayReply::Lease { .. } | RelayReply::Sealed { .. } | RelayReply::Over) | Err(RelayError::Silent) => {}
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "the cloud is not reached about a handshake");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
    let outcome = over.borrow().map_or("ended", Outcome::as_str);
    // What the cloud never heard of it need not hear the end of.
    if after.is_some() {
        let end = RelayCall::End { outcome: outcome.to_owned() };
        if !told((END_TOLD_FOR, RETRY), async || relay.call(id, &end).await.is_ok()).await {
            tracing::warn!("the cloud was not told of the end of a handshake: its own clock ends it");
        }
    }
}

/// Says something until it was heard, for so long and with so long a wait between; whether it was.
async fn told((within, wait): (Duration, Duration), mut say: impl AsyncFnMut() -> bool) -> bool {
    let heard = async {
        while !say().await {
            tokio::time::sleep(wait).await;
        }
    };
    tokio::time::timeout(within, heard).await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_end_is_told_as_often_as_it_takes_within_its_time() {
        let mut tries = 0;
        let say = async || {
            tries += 1;
            tries > 100
        };
        assert!(told((END_TOLD_FOR, Duration::ZERO), say).await, "a cut line of minutes is no reason to give up");
        assert!(!told((Duration::ZERO, Duration::ZERO), async || false).await, "it is not told for ever");
    }
}
