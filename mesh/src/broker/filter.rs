//! MQTT topic names and filters.
//!
//! Owns: what is well formed, which topic a filter matches, and whether one filter stays within another. Pure; takes
//! and emits text, and fails by answering `false`.

/// Longest topic or filter the wire format can carry.
const LENGTH_MAX: usize = 65_535;

/// A topic name that can be published to: not empty, no wildcard, no NUL.
#[must_use]
pub fn topic_is_valid(topic: &str) -> bool {
    !topic.is_empty() && topic.len() <= LENGTH_MAX && !topic.contains(['+', '#', '\0'])
}

/// A filter that can be subscribed to: each wildcard fills a whole level and `#` comes last.
#[must_use]
pub fn filter_is_valid(filter: &str) -> bool {
    if filter.is_empty() || filter.len() > LENGTH_MAX || filter.contains('\0') {
        return false;
    }
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let whole = level.len() == 1 || !level.contains(['+', '#']);
        let last = level != "#" || levels.peek().is_none();
        if !whole || !last {
            return false;
        }
    }
    true
}

/// Whether messages on `topic` reach a subscriber of `filter`. Topics that begin with `$` are hidden from a leading
/// wildcard.
#[must_use]
pub fn filter_matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    covers(filter, topic)
}

/// Whether everything that `inner` can match is also matched by `outer`. Used to grant subscriptions: a filter is
/// allowed when it stays within an allowed one.
#[must_use]
pub fn filter_covers(outer: &str, inner: &str) -> bool {
    if inner.starts_with('$') && outer.starts_with(['+', '#']) {
        return false;
    }
    covers(outer, inner)
}

fn covers(outer: &str, inner: &str) -> bool {
    let mut outer = outer.split('/');
    let mut inner = inner.split('/');
    loop {
        match (outer.next(), inner.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some(_), Some("#")) => return false,
            (Some("+"), Some(_)) => {}
            (Some(allowed), Some(asked)) if allowed == asked && asked != "+" => {}
            (Some(_), Some(_)) | (None, Some(_)) => return false,
            (Some(_), None) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_matches_as_the_standard_says() {
        for (filter, topic) in [
            ("a/b", "a/b"),
            ("a/+", "a/b"),
            ("+/b", "a/b"),
            ("a/#", "a/b/c"),
            ("a/#", "a"),
            ("#", "a/b"),
            ("a/+/c", "a//c"),
            ("$SYS/#", "$SYS/x"),
        ] {
            assert!(filter_matches(filter, topic), "{filter} should match {topic}");
        }
        for (filter, topic) in [("a/b", "a/c"), ("a/+", "a/b/c"), ("a/+", "a"), ("+", "a/b"), ("#", "$SYS/x"), ("a/b/#", "a"), ("a/b", "a")]
        {
            assert!(!filter_matches(filter, topic), "{filter} should not match {topic}");
        }
    }

    #[test]
    fn a_wider_filter_is_never_covered_by_a_narrower_one() {
        for (outer, inner) in
            [("a/#", "a/b"), ("a/#", "a/#"), ("a/#", "a/+/c"), ("a/#", "a"), ("a/+/c", "a/+/c"), ("a/+/c", "a/b/c"), ("#", "#")]
        {
            assert!(filter_covers(outer, inner), "{outer} should cover {inner}");
        }
        for (outer, inner) in [
            ("a/+", "a/#"),
            ("a/b", "a/+"),
            ("a/b/#", "a/#"),
            ("a/b/#", "a/+/x"),
            ("a/b/#", "#"),
            ("a/+/c", "a/+/#"),
            ("#", "$SYS/#"),
            ("a/b", "a/b/c"),
            ("a/b/c", "a/b"),
        ] {
            assert!(!filter_covers(outer, inner), "{outer} should not cover {inner}");
        }
    }

    #[test]
    fn malformed_topics_and_filters_are_refused() {
        for bad in ["", "a/+", "#", "a\0b"] {
            assert!(!topic_is_valid(bad), "{bad:?}");
        }
        for bad in ["", "a+/b", "a/#/b", "a#", "a\0"] {
            assert!(!filter_is_valid(bad), "{bad:?}");
        }
        for good in ["#", "+", "a/+/b", "a//b", "/", "a/#"] {
            assert!(filter_is_valid(good), "{good:?}");
        }
    }
}
