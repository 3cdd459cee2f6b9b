//! Whether a request that changes something comes from one of our own pages (CSRF).
//!
//! Owns the rule. Takes method, headers and our own origin; emits yes, or the refusal `foreign_origin`. A browser says which page sends a request
//! in `Origin`, or at least in `Sec-Fetch-Site`; a request that says neither is from a program, which holds no cookie that it did not ask for, or from
//! an old browser, which the cookie's `SameSite` holds back. A request with a key is never sent by a browser by itself.

use actix_web::http::{
    Method, StatusCode,
    header::{AUTHORIZATION, HOST, HeaderMap, ORIGIN},
};

use crate::problem::Refusal;

/// Where our pages are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnOrigin(String);

impl OwnOrigin {
    /// Scheme, host and port of a public address.
    pub fn of(public_url: &str) -> Self {
        let after_scheme = public_url.find("://").map_or(0, |at| at + 3);
        let end = public_url.get(after_scheme..).and_then(|rest| rest.find('/')).map_or(public_url.len(), |at| after_scheme + at);
        Self(public_url.get(..end).unwrap_or(public_url).to_ascii_lowercase())
    }

    /// Over plain HTTP, which is for one machine and for tests, whatever address the browser used for us is ours. Over TLS only the public one is: a page
    /// at `http://` of the same name may be anybody's on that network.
    fn is(&self, origin: &str, host: Option<&str>) -> bool {
        let plain = origin.strip_prefix("http://").filter(|_| self.0.starts_with("http://"));
        origin.eq_ignore_ascii_case(&self.0) || plain.is_some_and(|name| host.is_some_and(|host| host.eq_ignore_ascii_case(name)))
    }
}

/// Lets a request pass, or not.
pub fn check(method: &Method, headers: &HeaderMap, own: &OwnOrigin) -> Result<(), Refusal> {
    if method.is_safe() || headers.contains_key(AUTHORIZATION) {
        return Ok(());
    }
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let ours = match (text(ORIGIN.as_str()), text("sec-fetch-site")) {
        (Some(origin), _) => own.is(origin, text(HOST.as_str())),
        (None, Some(site)) => matches!(site, "same-origin" | "none"),
        (None, None) => true,
    };
    if ours {
        Ok(())
    } else {
        Err(Refusal::new(StatusCode::FORBIDDEN, "foreign_origin").field("Origin").detail("this came from a page of another site"))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn passes(method: &Method, own: &str, headers: &[(&'static str, &'static str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(actix_web::http::header::HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        check(method, &map, &OwnOrigin::of(own)).is_ok()
    }

    #[test]
    fn over_tls_only_the_public_origin_is_ours() {
        let own = "https://shop.example/c";
        for (origin, expected) in [
            ("https://shop.example", true),
            ("https://SHOP.example", true),
            ("http://shop.example", false),
            ("https://shop.example.evil.example", false),
            ("https://shop.example:8443", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(passes(&Method::POST, own, &[("origin", origin), ("host", "shop.example")]), expected, "{origin}");
        }
    }

    #[test]
    fn over_plain_http_the_address_in_use_is_ours_too() {
        let own = "http://localhost:8080";
        assert!(passes(&Method::PUT, own, &[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:8080")]));
        assert!(!passes(&Method::PUT, own, &[("origin", "http://127.0.0.1:9090"), ("host", "127.0.0.1:8080")]));
    }

    #[test]
    fn a_browser_that_names_no_origin_still_says_whether_it_is_another_site() {
        let own = "https://shop.example";
        for (site, expected) in [("same-origin", true), ("none", true), ("same-site", false), ("cross-site", false), ("x", false)] {
            assert_eq!(passes(&Method::DELETE, own, &[("sec-fetch-site", site)]), expected, "{site}");
        }
    }

    #[test]
    fn reading_programs_and_keys_are_not_asked() {
        let own = "https://shop.example";
        assert!(passes(&Method::GET, own, &[("origin", "https://evil.example")]));
        assert!(passes(&Method::POST, own, &[]));
        assert!(passes(&Method::POST, own, &[("origin", "https://evil.example"), ("authorization", "Bearer x")]));
    }
}
