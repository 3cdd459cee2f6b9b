//! One test per promise: the check of its row in the list of promises, run through public faces only.
//!
//! Where storage or broker matter, a promise is checked on every [`Profile`](aisle_tests::world::Profile).

mod a12_push_in_the_store;
mod a15_restraint;
mod a16_relevance;
mod a19_device_appropriate;
mod a20_screens_replace_posters;
mod a23_one_screen_addressed;
mod a25_check_in;
mod a32_opted_in_only;
mod a34_nfc_dialogue;
mod a35_advice_after_a_handshake;
mod a67_written_consent;
mod a68_consent_versions;
mod a79_central_brain;
mod a82_leave_her_alone;
mod a84_display_points_to_the_app;
mod a85_home_in_the_store;
mod a86_product_by_barcode;
mod a87_care_instructions;
