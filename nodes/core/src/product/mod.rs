//! What a store sells: from whatever was scanned to the one view of a product.
//!
//! Owns the assortment by number and by family ([`assortment`]), the reading of scanned codes ([`code`]) and prices in money ([`price`]). Takes the cloud's
//! documents and codes of anybody's making. Emits views. On failure: [`code::CodeRefusal`], with the check digit that would be right.
pub mod assortment;
pub mod code;
pub mod price;

pub use assortment::{Assortment, Found, ProductFault, Sold};
