//! Owns the choice of a content encoding.
//! Takes: the value of `Accept-Encoding`. Emits: the encodings a browser takes, best first.
//! On failure: anything unreadable counts as not accepted, so the plain bytes are sent.

/// How the bytes of an asset are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Plain bytes.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
}

impl Encoding {
    /// The value of `Content-Encoding`, or `None` for plain bytes.
    #[must_use]
    pub const fn header(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
        }
    }

    /// Ending of the packed file beside the plain one.
    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Self::Identity => "",
            Self::Gzip => ".gz",
            Self::Brotli => ".br",
        }
    }
}

/// The packed encodings that `accept_encoding` allows, smallest result first.
pub(crate) fn acceptable(accept_encoding: &str) -> impl Iterator<Item = Encoding> + '_ {
    [Encoding::Brotli, Encoding::Gzip].into_iter().filter(|encoding| encoding.header().is_some_and(|name| accepts(accept_encoding, name)))
}

fn accepts(accept_encoding: &str, name: &str) -> bool {
    let weight = |wanted: &str| {
        accept_encoding.split(',').find_map(|part| {
            let mut fields = part.split(';').map(str::trim);
            let coding = fields.next()?;
            if !coding.eq_ignore_ascii_case(wanted) {
                return None;
            }
            let quality = fields.find_map(|field| field.strip_prefix("q=")).map_or(Some(1.0), |value| value.parse::<f32>().ok());
            Some(quality.is_some_and(|quality| quality > 0.0))
        })
    };
    weight(name).or_else(|| weight("*")).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::{Encoding, acceptable};

    fn first(header: &str) -> Option<Encoding> {
        acceptable(header).next()
    }

    #[test]
    fn the_smaller_encoding_wins_whatever_the_order() {
        assert_eq!(first("gzip, deflate, br, zstd"), Some(Encoding::Brotli));
        assert_eq!(first("gzip"), Some(Encoding::Gzip));
        assert_eq!(first("*"), Some(Encoding::Brotli));
    }

    #[test]
    fn a_refused_or_unreadable_encoding_is_never_sent() {
        assert_eq!(first(""), None);
        assert_eq!(first("identity"), None);
        assert_eq!(first("br;q=0, gzip;q=0.5"), Some(Encoding::Gzip));
        assert_eq!(first("br;q=0, *"), Some(Encoding::Gzip));
        assert_eq!(first("br;q=lots, gzip;q=0"), None);
    }
}
