//! Pure rules of the cloud
