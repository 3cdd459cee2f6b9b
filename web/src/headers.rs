//! Owns the response headers that belong to the pages whatever serves them.
//! Takes nothing. Emits header values. On failure: nothing can fail.

/// No inline script or style, nothing from another host. Images may be blobs: the player draws from
/// its own cache.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; \
     worker-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'self'";

/// The camera is for scanning the door code, and only in our own page.
pub const PERMISSIONS_POLICY: &str =
    "camera=(self), geolocation=(), microphone=(), payment=(), usb=()";
