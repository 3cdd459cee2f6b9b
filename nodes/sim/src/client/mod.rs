//! Clients of the public HTTP faces, one file per kind of person or system.

pub mod api;
pub mod browser_device;
pub mod customer;
pub mod inbox;
pub mod integration;
pub mod mail;
pub mod shop_floor;
pub mod sse;
pub mod staff;
pub mod tablet;

pub use api::{Api, CallError};
pub use customer::Customer;
pub use inbox::{Inbox, Seen};
pub use integration::Integration;
pub use mail::{DemoMail, Mail};
pub use shop_floor::ShopFloor;
pub use staff::Staff;
pub use tablet::Tablet;
