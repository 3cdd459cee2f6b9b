//! What happens around every request.
//!
//! Owns the count of refusals and the answer to other origins: only the shop's page may call, and only what phones need; what a device's cookie
//! allows is refused to pages of any other origin (CSRF). Takes every request. Emits headers and metrics. On failure: an origin that is not the
//! shop's gets no permission, and the browser keeps the answer from it.
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, HOST, HeaderValue,
    ORIGIN, VARY,
};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, ResponseError as _, web};

use super::problem::{Code, Refusal};
use super::{Shared, headers};

/// Routes that the shop's page calls from its own origin.
const FOR_PHONES: [&str; 3] = ["/v1/checkins", "/v1/visits/", "/v1/status"];
/// Seconds for which a browser may remember the permission.
const REMEMBER_S: &str = "600";

/// Wraps every request.
pub async fn around(request: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let allowed = allowed_origin(&request);
    if request.method() == Method::OPTIONS {
        let mut response = HttpResponse::NoContent().finish();
        if let Some(origin) = allowed {
            let headers = response.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type, idempotency-key, traceparent"));
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(REMEMBER_S));
        }
        headers::secure(response.headers_mut());
        return Ok(request.into_response(response).map_into_left_body());
    }
    if is_foreign(&request) {
        let refusal = Refusal::new(StatusCode::FORBIDDEN, "foreign_origin", "this came from a page of another site").field("Origin");
        let mut response = request.into_response(refusal.error_response());
        headers::secure(response.headers_mut());
        count(&response);
        return Ok(response.map_into_left_body());
    }
    let mut response = next.call(request).await?;
    headers::secure(response.headers_mut());
    if let Some(origin) = allowed {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        response.headers_mut().append(VARY, HeaderValue::from_static("Origin"));
    }
    count(&response);
    Ok(response.map_into_right_body())
}

fn count<B>(response: &ServiceResponse<B>) {
    let code = response.response().extensions().get::<Code>().copied();
    if let Some(Code(code)) = code {
        let route = response.request().match_pattern().unwrap_or_else(|| "unknown".to_owned());
        metrics::counter!("aisle_refusals_total", "role" => "node", "route" => route, "code" => code).increment(1);
    }
}

/// Whether a browser sends a change to a device's route from a page that the node did not serve. What phones send proves itself (a code and a pass, or
/// the visit's token) and carries no cookie. A request that names no page is from a program, or from a browser that `SameSite` holds back.
fn is_foreign(request: &ServiceRequest) -> bool {
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    if request.method().is_safe() || for_phones(request.path()) {
        return false;
    }
    match (header(ORIGIN.as_str()), header("sec-fetch-site")) {
        (Some(origin), _) => {
            let name = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            !name.is_some_and(|name| header(HOST.as_str()).is_some_and(|host| host.eq_ignore_ascii_case(name)))
        }
        (None, Some(site)) => !matches!(site, "same-origin" | "none"),
        (None, None) => false,
    }
}

fn for_phones(path: &str) -> bool {
    FOR_PHONES.iter().any(|start| path.starts_with(start))
}

/// The request's origin, if it is the shop's and the route is one for phones.
fn allowed_origin(request: &ServiceRequest) -> Option<HeaderValue> {
    let origin = request.headers().get(ORIGIN)?;
    let shared = request.app_data::<web::Data<Shared>>()?;
    let profile = shared.faces.profile.borrow().clone()?;
    (for_phones(request.path()) && origin.as_bytes() == origin_of(&profile.shop_url).as_bytes()).then(|| origin.clone())
}

/// Scheme, host and port of an address.
fn origin_of(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(after_scheme..).and_then(|rest| rest.find('/')).map_or(url.len(), |at| after_scheme + at);
    url.get(..end).unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_stands_before_the_path() {
        assert_eq!(origin_of("https://shop.example.com:8443/c"), "https://shop.example.com:8443");
        assert_eq!(origin_of("http://127.0.0.1:8080"), "http://127.0.0.1:8080");
    }
}
