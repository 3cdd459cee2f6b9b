//! Owns the response headers that belong to the pages whatever serves them.
//! Takes: the origins of store nodes that the shop may speak to. Emits: header values.
//! On failure: an origin that could end the directive is left out.

/// The camera is for scanning the door code, and only in our own page.
pub const PERMISSIONS_POLICY: &str = "camera=(self), geolocation=(), microphone=(), payment=(), usb=()";

/// No inline script or style, nothing from another host. `connect` names further origins that
/// scripts may call, e.g. `http://10.0.0.5:8080`; empty for every page but the shop's.
#[must_use]
pub fn content_security_policy<S: AsRef<str>>(connect: &[S]) -> String {
    let origins: String =
        connect.iter().map(AsRef::as_ref).filter(|origin| is_origin(origin)).fold(String::new(), |all, origin| all + " " + origin);
    format!(
        "default-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; \
         connect-src 'self'{origins}; object-src 'none'; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'"
    )
}

fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".:-[]".contains(&b)))
}

#[cfg(test)]
mod tests {
    use super::content_security_policy;

    #[test]
    fn an_origin_cannot_add_a_directive() {
        let policy = content_security_policy(&["http://10.0.0.5:8080", "https://x; script-src *", "https://a b", "data:"]);
        assert!(policy.contains("connect-src 'self' http://10.0.0.5:8080;"));
        assert_eq!(policy.matches("script-src").count(), 1);
        assert!(!policy.contains("a b") && !policy.contains("connect-src data:"));
    }
}
