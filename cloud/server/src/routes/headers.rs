//! Headers that every answer of the cloud carries, page or not, so that no route can forget them.
//!
//! Owns the list. Takes a finished response; emits it with what browsers need to keep other sites out: no inline script or style, no frame, no
//! guessing of types, no address of ours in a referrer, no sharing of a window or of a body across origins. Cannot fail: a policy that is no header
//! value is left out, and a test walks every route to see that it is there.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

use crate::settings::Settings;

const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
/// A browser that has seen us over TLS does not try without for a year.
const ONLY_TLS: &str = "max-age=31536000";

/// Adds them. Without settings (a request that no application took) the fixed ones.
pub fn secure(headers: &mut HeaderMap, settings: Option<&Settings>) {
    let fixed = [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "same-origin"),
        (X_FRAME_OPTIONS, "DENY"),
        (CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
        (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
        (PERMISSIONS_POLICY, aisle_web::PERMISSIONS_POLICY),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some(settings) = settings {
        // Content has a stricter one of its own.
        if let Ok(policy) = HeaderValue::from_str(&settings.content_security_policy)
            && !headers.contains_key(CONTENT_SECURITY_POLICY)
        {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        if settings.secure {
            headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(ONLY_TLS));
        }
    }
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
