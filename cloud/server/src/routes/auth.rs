//! Who may call a route: extractors that a handler names, so that its signature says it.
//!
//! Owns [`Customer`], [`Staff`] and [`Integration`]. Takes the principal that the middleware found; emits it, or 401 / 403.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
use aisle_schemas::{http::cloud::Role, ids::CustomerId};

use crate::{
    problem::Refusal,
    session::{Principal, Signed},
};

/// A signed-in person acting for themselves.
pub struct Customer(pub Signed);

impl Customer {
    pub fn id(&self) -> CustomerId {
        self.0.customer
    }
}

/// A signed-in member of staff.
pub struct Staff(pub Signed);

impl Staff {
    /// Refuses staff without any of these roles.
    pub fn with(&self, roles: &[Role]) -> Result<(), Refusal> {
        if self.0.roles.iter().any(|role| roles.contains(role)) { Ok(()) } else { Err(Refusal::forbidden()) }
    }
}

/// A system with a key.
pub struct Integration;

fn principal(request: &HttpRequest) -> Principal {
    request.extensions().get::<Principal>().cloned().unwrap_or(Principal::Nobody)
}

impl FromRequest for Customer {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;
    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(match principal(request) {
            Principal::Signed(signed) => Ok(Self(signed)),
            Principal::Nobody => Err(Refusal::unauthorised()),
            Principal::System(_) => Err(Refusal::forbidden()),
        })
    }
}

impl FromRequest for Staff {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;
    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(match principal(request) {
            Principal::Signed(signed) if signed.is_staff() => Ok(Self(signed)),
            Principal::Signed(_) | Principal::System(_) => Err(Refusal::forbidden()),
            Principal::Nobody => Err(Refusal::unauthorised()),
        })
    }
}

impl FromRequest for Integration {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;
    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(match principal(request) {
            Principal::System(_) => Ok(Self),
            Principal::Signed(_) => Err(Refusal::forbidden()),
            Principal::Nobody => Err(Refusal::unauthorised()),
        })
    }
}
