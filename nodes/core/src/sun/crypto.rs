//! The few operations of AES-128 that a tag does.
//!
//! Takes keys and whole blocks. Cannot fail.
use aes::Aes128;
use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use cmac::{Cmac, Mac};
use hmac::Hmac;
use sha2::Sha256;

/// Octets of an AES block and of an AES-128 key.
pub const BLOCK: usize = 16;

/// AES-CMAC of RFC 4493.
pub fn cmac(key: &[u8; BLOCK], parts: &[&[u8]]) -> [u8; BLOCK] {
    let mut mac = Cmac::<Aes128>::new(&Array::from(*key));
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// One block, encrypted.
pub fn encrypt(key: &[u8; BLOCK], block: [u8; BLOCK]) -> [u8; BLOCK] {
    let mut block = Array::from(block);
    Aes128::new(&Array::from(*key)).encrypt_block(&mut block);
    block.into()
}

/// Blocks that were encrypted in CBC mode.
pub fn decrypt_cbc(key: &[u8; BLOCK], iv: [u8; BLOCK], blocks: &[[u8; BLOCK]]) -> Vec<u8> {
    let cipher = Aes128::new(&Array::from(*key));
    let mut before = iv;
    let mut plain = Vec::with_capacity(blocks.len() * BLOCK);
    for block in blocks {
        let mut decrypted = Array::from(*block);
        cipher.decrypt_block(&mut decrypted);
        plain.extend(decrypted.iter().zip(before).map(|(octet, before)| octet ^ before));
        before = *block;
    }
    plain
}

/// HMAC-SHA-256.
pub fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    use hmac::Mac as _;
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        hmac::Mac::update(&mut mac, part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(text: &str) -> Vec<u8> {
        hex::decode(text).unwrap()
    }

    #[test]
    fn the_examples_of_rfc_4493_hold() {
        let key = octets("2b7e151628aed2a6abf7158809cf4f3c").try_into().unwrap();
        let text = octets(
            "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
        );
        for (length, mac) in [
            (0, "bb1d6929e95937287fa37d129b756746"),
            (16, "070a16b46b4d4144f79bdd9dd04a287c"),
            (40, "dfa66747de9ae63030ca32611497c827"),
            (64, "51f0bebf7e3b9d92fc49741779363cfe"),
        ] {
            assert_eq!(hex::encode(cmac(&key, &[&text[..length]])), mac);
            assert_eq!(hex::encode(cmac(&key, &[&text[..length / 3], &text[length / 3..length]])), mac);
        }
    }

    #[test]
    fn the_examples_of_nist_sp_800_38a_hold() {
        let key = octets("2b7e151628aed2a6abf7158809cf4f3c").try_into().unwrap();
        let plain = octets("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
        assert_eq!(hex::encode(encrypt(&key, plain[..16].try_into().unwrap())), "3ad77bb40d7a3660a89ecaf32466ef97");
        let iv = octets("000102030405060708090a0b0c0d0e0f").try_into().unwrap();
        let blocks =
            ["7649abac8119b246cee98e9b12e9197d", "5086cb9b507219ee95db113a917678b2"].map(|block| octets(block).try_into().unwrap());
        assert_eq!(decrypt_cbc(&key, iv, &blocks), plain);
    }

    #[test]
    fn the_first_example_of_rfc_4231_holds() {
        let mac = hmac(&[0x0b; 20], &[b"Hi ", b"There"]);
        assert_eq!(hex::encode(mac), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    }
}
