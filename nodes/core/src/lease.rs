//! How long a store may use what the cloud told it about a visit.
//!
//! Owns the life of one context lease. Takes the instant at which the node asked, and renewals. Emits whether the context may be used. On
//! failure, and after a restart, there is no lease: the store fails closed and shows nothing personal (W2).
use std::time::Duration;

use crate::monotonic::Monotonic;

/// Longest life of a context, counted from the node's request on monotonic time, so that neither a slow line nor a clock step lengthens it.
pub const LEASE_LIFE: Duration = Duration::from_secs(15 * 60);
/// An open visit's lease is renewed when a third of its life is left.
pub const RENEW_AFTER: Duration = Duration::from_secs(10 * 60);

/// The right to use a visit's context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lease {
    /// Never granted in this run of the node, withdrawn, or over.
    #[default]
    None,
    /// Granted on a request made at `asked_at`, for the consent epoch `epoch`.
    Held { asked_at: Monotonic, epoch: u64 },
}

/// Why a context may not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseRefusal {
    /// None was granted, or its time is over.
    Expired,
    /// The customer changed a consent after this context was made.
    ConsentWithdrawn { epoch: u64 },
}

impl Lease {
    /// Takes a grant. An older consent epoch never overrides a newer one (W3), and a grant whose request is not newer changes nothing.
    #[must_use]
    pub fn granted(self, asked_at: Monotonic, epoch: u64) -> Self {
        match self {
            Self::Held { asked_at: held_at, epoch: held } if epoch < held || (epoch == held && asked_at <= held_at) => self,
            Self::None | Self::Held { .. } => Self::Held { asked_at, epoch },
        }
    }

    /// Whether a context made under `context_epoch` may be used at `now`.
    ///
    /// # Errors
    /// [`LeaseRefusal`].
    pub fn check(&self, context_epoch: u64, now: Monotonic) -> Result<(), LeaseRefusal> {
        match self {
            Self::Held { asked_at, epoch } if now.since(*asked_at) < LEASE_LIFE => {
                if context_epoch < *epoch {
                    Err(LeaseRefusal::ConsentWithdrawn { epoch: *epoch })
                } else {
                    Ok(())
                }
            }
            Self::None | Self::Held { .. } => Err(LeaseRefusal::Expired),
        }
    }

    /// Whether an open visit should ask anew.
    #[must_use]
    pub fn wants_renewal(&self, now: Monotonic) -> bool {
        match self {
            Self::None => true,
            Self::Held { asked_at, epoch: _ } => now.since(*asked_at) >= RENEW_AFTER,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Monotonic {
        Monotonic::from_ms(s * 1000)
    }

    #[test]
    fn a_lease_lives_fifteen_minutes_from_the_request() {
        let lease = Lease::default().granted(at(10), 3);
        assert_eq!(lease.check(3, at(10 + 899)), Ok(()));
        assert_eq!(lease.check(3, at(10 + 900)), Err(LeaseRefusal::Expired));
    }

    #[test]
    fn without_a_grant_nothing_personal_is_used() {
        assert_eq!(Lease::default().check(9, at(0)), Err(LeaseRefusal::Expired));
        assert!(Lease::default().wants_renewal(at(0)));
    }

    #[test]
    fn a_context_from_before_a_withdrawal_is_refused_whatever_arrives_last() {
        let lease = Lease::default().granted(at(0), 4).granted(at(5), 3);
        assert_eq!(lease.check(3, at(6)), Err(LeaseRefusal::ConsentWithdrawn { epoch: 4 }));
        assert_eq!(lease.check(4, at(6)), Ok(()));
    }

    #[test]
    fn a_late_grant_does_not_shorten_a_newer_one() {
        let lease = Lease::default().granted(at(600), 1).granted(at(0), 1);
        assert_eq!(lease.check(1, at(1_000)), Ok(()));
    }

    #[test]
    fn renewal_is_asked_while_a_third_is_left() {
        let lease = Lease::default().granted(at(0), 1);
        assert!(!lease.wants_renewal(at(599)));
        assert!(lease.wants_renewal(at(600)));
    }
}
