//! Check digits and check characters.
//!
//! Owns the sums of the General Specifications. Takes characters. Emits what the check should be; `None` when the characters are not of the
//! kind that the sum is for.

/// The 82 characters of element strings, in the order of their values.
pub const CHARACTERS_82: &[u8; 82] = b"!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
/// The 32 characters of check pairs, in the order of their values.
const CHARACTERS_32: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// Weights from the right of a text with check pair: as many as the longest such text has characters before the pair.
const PRIMES: [u32; 23] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83];
/// Modulus of the check pair.
const PAIR_MODULUS: u32 = 1021;

/// The digit that belongs behind these digits.
#[must_use]
pub fn digit(body: &[u8]) -> Option<u8> {
    let mut sum = 0u32;
    for (octet, weight) in body.iter().rev().zip([3, 1].into_iter().cycle()) {
        if !octet.is_ascii_digit() {
            return None;
        }
        sum = (sum + u32::from(octet - b'0') * weight) % 10;
    }
    u8::try_from((10 - sum) % 10).ok().map(|digit| b'0' + digit)
}

/// The two characters that belong behind these.
#[must_use]
pub fn pair(body: &[u8]) -> Option<[u8; 2]> {
    if body.len() > PRIMES.len() {
        return None;
    }
    let mut sum = 0;
    for (octet, prime) in body.iter().rev().zip(PRIMES) {
        let value = CHARACTERS_82.iter().position(|character| character == octet)?;
        sum = (sum + u32::try_from(value).ok()? * prime) % PAIR_MODULUS;
    }
    let character = |value: u32| CHARACTERS_32.get(usize::try_from(value).ok()?).copied();
    Some([character(sum >> 5)?, character(sum & 0x1F)?])
}

/// The verifier digit of a price or weight of five digits in an in-store code.
#[must_use]
pub fn price_verifier(value: [u8; 5]) -> Option<u8> {
    if !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let [a, b, c, d, e] = value.map(|octet| octet - b'0');
    let sum = five_plus(a) + two_minus(b) + five_minus(c) + five_plus(d) + two_minus(e);
    let wanted = (10 - sum % 10) % 10;
    (0..10).find(|digit| five_minus(*digit) == wanted).map(|digit| b'0' + digit)
}

const fn two_minus(digit: u8) -> u8 {
    let product = 2 * digit;
    (product - product / 10) % 10
}
const fn five_minus(digit: u8) -> u8 {
    let product = 5 * digit;
    (product - product / 10) % 10
}
const fn five_plus(digit: u8) -> u8 {
    let product = 5 * digit;
    (product + product / 10) % 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_are_those_printed_in_shops() {
        assert_eq!(digit(b"400638133393"), Some(b'1'));
        assert_eq!(digit(b"03600029145"), Some(b'2'));
        assert_eq!(digit(b"7351353"), Some(b'7'));
        assert_eq!(digit(b"00614141123456789"), Some(b'0'));
        assert_eq!(digit(b"40063813339X"), None);
    }

    #[test]
    fn the_check_pair_is_that_of_the_example_in_the_general_specifications() {
        assert_eq!(pair(b"1987654Ad4X4bL5ttr2310c"), Some(*b"2K"));
        assert_eq!(pair(b"1987654 "), None);
        assert_eq!(pair(&[b'1'; 24]), None);
    }

    #[test]
    fn each_price_has_a_verifier() {
        for price in 0..100_000u32 {
            let digits: [u8; 5] = format!("{price:05}").into_bytes().try_into().unwrap();
            assert!(price_verifier(digits).is_some(), "{price}");
        }
        assert_eq!(price_verifier(*b"14685"), Some(b'6'));
        assert_eq!(price_verifier(*b"1468x"), None);
    }
}
