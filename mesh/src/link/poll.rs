//! The one task that polls a connection.
//!
//! Owns: the library's event loop. Takes: packets, and `Hang` from the handle. Emits: `LinkEvent`s by `try_send`; it
//! never waits for its owner nor for the client, whose queue only this loop empties. On failure: sends `Lost` over a
//! place kept free for it and drops the loop with all that is queued in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use aisle_schemas::limits;
use rumqttc::Outgoing as Written;
use rumqttc::v5::mqttbytes::v5::{ConnAck, ConnectReturnCode, DisconnectReasonCode, Packet, PubAckReason, Publish, SubscribeReasonCode};
use rumqttc::v5::mqttbytes::{Error as LibraryError, QoS};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, StateError};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::{Instant, sleep_until};

use super::{AckToken, ConnectRefusal, FAREWELL, Held, Incoming, LinkEvent, LostReason, PubReason, Qos, SubCode, TRACEPARENT};

/// Receive Maximum that CONNACK means when it names none.
const RECEIVE_MAX_DEFAULT: u16 = u16::MAX;

/// Order to say farewell.
#[derive(Debug)]
pub(super) struct Hang;

/// What the polling task works with.
pub(super) struct Task {
    pub event_loop: EventLoop,
    pub client: AsyncClient,
    pub events: mpsc::Sender<LinkEvent>,
    pub control: mpsc::Receiver<Hang>,
    pub link: u64,
    pub packet_max: Arc<AtomicU32>,
    /// Bytes of messages that may be unsettled at once.
    pub budget_bytes: usize,
}

/// Polls until the connection ends; the last event is `Lost`.
pub(super) async fn run(task: Task) {
    let Task { mut event_loop, client, events, mut control, link, packet_max, budget_bytes } = task;
    let held_bytes = Arc::new(AtomicUsize::new(0));
    // Kept aside so that `Lost` arrives even when the channel is full, which is one of the reasons for it.
    let Ok(farewell) = events.clone().reserve_owned().await else { return };

    let reason = loop {
        let watchdog = Instant::now() + limits::POLL_WATCHDOG;
        let event = tokio::select! {
            biased;
            order = control.recv() => {
                // Without an order the last handle was dropped: the socket is cut and the will speaks.
                if let Some(Hang) = order {
                    say_farewell(&mut event_loop, &client).await;
                }
                break LostReason::HungUp;
            }
            polled = event_loop.poll() => match polled {
                Ok(event) => event,
                Err(error) => break lost_reason(error),
            },
            () = sleep_until(watchdog) => break LostReason::Silent,
        };
        let event = match translate(event, link) {
            Ok(Some(LinkEvent::Message(mut message))) => {
                let Some(held) = Held::take(message.payload.len(), &held_bytes, budget_bytes) else {
                    break LostReason::EventsFull;
                };
                message.ack.held = Some(held);
                LinkEvent::Message(message)
            }
            Ok(Some(event)) => event,
            Ok(None) => continue,
            Err(reason) => break reason,
        };
        if let LinkEvent::Connected { packet_max: max, .. } = &event {
            packet_max.store(*max, Ordering::Relaxed);
        }
        match events.try_send(event) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => break LostReason::EventsFull,
            Err(TrySendError::Closed(_)) => break LostReason::HungUp,
        }
    };
    drop(event_loop);
    tracing::debug!(link, %reason, "link ended");
    farewell.send(LinkEvent::Lost(reason));
}

/// Writes what is queued, then DISCONNECT, then waits for the broker to close, so that a reset of the socket cannot
/// overtake the DISCONNECT; all within `FAREWELL`.
async fn say_farewell(event_loop: &mut EventLoop, client: &AsyncClient) {
    let deadline = Instant::now() + FAREWELL;
    let mut asked = false;
    loop {
        // The queue holds one request, which may be taken: then the next poll empties it and we try again.
        asked = asked || client.try_disconnect().is_ok();
        tokio::select! {
            polled = event_loop.poll() => {
                if polled.is_err() {
                    return;
                }
            }
            () = sleep_until(deadline) => return,
        }
    }
}

fn translate(event: Event, link: u64) -> Result<Option<LinkEvent>, LostReason> {
    let packet = match event {
        Event::Incoming(packet) => packet,
        Event::Outgoing(Written::AwaitAck(packet_id)) => {
            return Err(LostReason::Protocol(format!("packet id {packet_id} is still in use")));
        }
        Event::Outgoing(_) => return Ok(None),
    };
    match packet {
        Packet::ConnAck(connack) => Ok(Some(connected(&connack))),
        Packet::SubAck(suback) => Ok(Some(LinkEvent::SubAck(suback.return_codes.iter().map(sub_code).collect()))),
        Packet::PubAck(puback) => Ok(Some(LinkEvent::PubAck { reason: pub_reason(puback.reason) })),
        Packet::Publish(publish) => message(publish, link).map(|message| Some(LinkEvent::Message(message))),
        Packet::Connect(..)
        | Packet::Auth(_)
        | Packet::PingReq(_)
        | Packet::PingResp(_)
        | Packet::Subscribe(_)
        | Packet::PubRec(_)
        | Packet::PubRel(_)
        | Packet::PubComp(_)
        | Packet::Unsubscribe(_)
        | Packet::UnsubAck(_)
        | Packet::Disconnect(_) => Ok(None),
    }
}

fn connected(connack: &ConnAck) -> LinkEvent {
    let properties = connack.properties.as_ref();
    LinkEvent::Connected {
        receive_max: properties.and_then(|known| known.receive_max).unwrap_or(RECEIVE_MAX_DEFAULT),
        packet_max: properties.and_then(|known| known.max_packet_size).unwrap_or(u32::MAX),
    }
}

fn message(publish: Publish, link: u64) -> Result<Incoming, LostReason> {
    let Publish { dup: _, qos, retain, topic, pkid, payload, properties } = publish;
    let qos = match qos {
        QoS::AtMostOnce => Qos::AtMostOnce,
        QoS::AtLeastOnce => Qos::AtLeastOnce,
        QoS::ExactlyOnce => return Err(LostReason::Protocol("message at QoS 2, which was never asked for".to_owned())),
    };
    let topic = String::from_utf8(topic.to_vec()).map_err(|error| LostReason::Protocol(format!("topic is not UTF-8: {error}")))?;
    let (content_type, user_properties) = match properties {
        Some(properties) => (properties.content_type, properties.user_properties),
        None => (None, Vec::new()),
    };
    let traceparent = user_properties.into_iter().find_map(|(key, value)| (key == TRACEPARENT).then_some(value));
    Ok(Incoming { topic, payload, qos, retain, content_type, traceparent, ack: AckToken::new(link, pkid) })
}

fn sub_code(code: &SubscribeReasonCode) -> SubCode {
    match code {
        SubscribeReasonCode::Success(_) => SubCode::Granted,
        SubscribeReasonCode::Failure | SubscribeReasonCode::Unspecified => SubCode::Refused(0x80),
        SubscribeReasonCode::ImplementationSpecific => SubCode::Refused(0x83),
        SubscribeReasonCode::NotAuthorized => SubCode::Refused(0x87),
        SubscribeReasonCode::TopicFilterInvalid => SubCode::Refused(0x8f),
        SubscribeReasonCode::PkidInUse => SubCode::Refused(0x91),
        SubscribeReasonCode::QuotaExceeded => SubCode::Refused(0x97),
        SubscribeReasonCode::SharedSubscriptionsNotSupported => SubCode::Refused(0x9e),
        SubscribeReasonCode::SubscriptionIdNotSupported => SubCode::Refused(0xa1),
        SubscribeReasonCode::WildcardSubscriptionsNotSupported => SubCode::Refused(0xa2),
    }
}

fn pub_reason(reason: PubAckReason) -> PubReason {
    match reason {
        PubAckReason::Success => PubReason::Accepted,
        PubAckReason::NoMatchingSubscribers => PubReason::NoSubscriber,
        PubAckReason::UnspecifiedError => PubReason::Refused(0x80),
        PubAckReason::ImplementationSpecificError => PubReason::Refused(0x83),
        PubAckReason::NotAuthorized => PubReason::Refused(0x87),
        PubAckReason::TopicNameInvalid => PubReason::Refused(0x90),
        PubAckReason::PacketIdentifierInUse => PubReason::Refused(0x91),
        PubAckReason::QuotaExceeded => PubReason::Refused(0x97),
        PubAckReason::PayloadFormatInvalid => PubReason::Refused(0x99),
    }
}

fn lost_reason(error: ConnectionError) -> LostReason {
    match error {
        ConnectionError::Timeout(_) => LostReason::ConnectTimeout,
        ConnectionError::ConnectionRefused(code) => LostReason::Refused(refusal(code)),
        ConnectionError::Io(source) => LostReason::Io(source.to_string()),
        ConnectionError::Tls(source) => LostReason::Io(source.to_string()),
        ConnectionError::NotConnAck(packet) => LostReason::Protocol(format!("expected CONNACK, got {packet:?}")),
        ConnectionError::RequestsDone => LostReason::HungUp,
        ConnectionError::MqttState(state) => match state {
            StateError::ServerDisconnect { reason_code: DisconnectReasonCode::SessionTakenOver, .. } => LostReason::SessionTakenOver,
            StateError::ServerDisconnect { reason_code, .. } => LostReason::Disconnected(reason_code as u8),
            StateError::AwaitPingResp => LostReason::Silent,
            StateError::Io(source) => LostReason::Io(source.to_string()),
            StateError::ConnectionAborted => LostReason::Closed,
            StateError::ConnFail { reason } => LostReason::Refused(refusal(reason)),
            too_large @ (StateError::OutgoingPacketTooLarge { .. } | StateError::IncomingPacketTooLarge { .. }) => {
                LostReason::PacketTooLarge(too_large.to_string())
            }
            StateError::Deserialization(too_large @ LibraryError::PayloadSizeLimitExceeded { .. }) => {
                LostReason::PacketTooLarge(too_large.to_string())
            }
            other => LostReason::Protocol(other.to_string()),
        },
    }
}

fn refusal(code: ConnectReturnCode) -> ConnectRefusal {
    match code {
        ConnectReturnCode::BadUserNamePassword => ConnectRefusal::BadCredentials,
        ConnectReturnCode::NotAuthorized | ConnectReturnCode::Banned => ConnectRefusal::NotAuthorised,
        ConnectReturnCode::BadClientId | ConnectReturnCode::ClientIdentifierNotValid => ConnectRefusal::ClientId,
        ConnectReturnCode::ServerBusy
        | ConnectReturnCode::ServerUnavailable
        | ConnectReturnCode::ServiceUnavailable
        | ConnectReturnCode::QuotaExceeded
        | ConnectReturnCode::ConnectionRateExceeded => ConnectRefusal::Busy,
        _ => ConnectRefusal::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_068_a_session_taken_over_is_told_from_other_disconnects() {
        let disconnect =
            |reason_code| lost_reason(ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, reason_string: None }));
        assert_eq!(disconnect(DisconnectReasonCode::SessionTakenOver), LostReason::SessionTakenOver);
        assert_eq!(disconnect(DisconnectReasonCode::ServerShuttingDown), LostReason::Disconnected(0x8b));
    }

    #[test]
    fn a_packet_id_still_in_use_ends_the_link() {
        let collision = translate(Event::Outgoing(Written::AwaitAck(3)), 1);
        assert!(matches!(collision, Err(LostReason::Protocol(_))), "{collision:?}");
    }

    #[test]
    fn a_message_at_qos_2_ends_the_link() {
        let publish = Publish { qos: QoS::ExactlyOnce, ..Publish::default() };
        let refused = message(publish, 1);
        assert!(matches!(refused, Err(LostReason::Protocol(_))), "{refused:?}");
    }
}
