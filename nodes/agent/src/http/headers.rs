//! Headers that every answer of the node carries, page or not.
//!
//! Owns the list. Takes the headers of a finished response; emits them with what browsers need to keep other sites out of surfaces that stand in a shop:
//! no inline script or style, no frame, no guessing of types, no address in a referrer, no sharing of a window or a body across origins. Cannot fail:
//! a policy that is no header value is left out, and a test walks every route to see that it is there.
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
/// For what is fetched without asking (pictures, scripts); phones ask, and `middleware` answers.
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// Adds them.
pub fn secure(headers: &mut HeaderMap) {
    let fixed = [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Addresses in fragments and paths of surfaces are nobody else's business.
        (REFERRER_POLICY, "no-referrer"),
        (X_FRAME_OPTIONS, "DENY"),
        (CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
        (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
        (PERMISSIONS_POLICY, aisle_web::PERMISSIONS_POLICY),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Content has a stricter one of its own.
    if let Ok(policy) = HeaderValue::from_str(&aisle_web::content_security_policy::<&str>(&[]))
        && !headers.contains_key(CONTENT_SECURITY_POLICY)
    {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
