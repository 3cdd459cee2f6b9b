//! The file of a tag that holds a message: its length in two octets, then the message.
//!
//! Takes octets as a reader gets them, or a message. Emits the message, or octets. On failure: [`TagFileError`]; a length that does not frame
//! the message is refused, for then nobody knows what was meant.
use thiserror::Error;

/// Octets of the length before the message.
pub const LENGTH_OCTETS: usize = 2;

/// Why a file holds no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TagFileError {
    #[error("a file of {0} octets has no room for a length")]
    Short(usize),
    #[error("the file says {said} octets and holds {held}")]
    Length { said: usize, held: usize },
    #[error("a message of {0} octets does not fit into a file")]
    TooLong(usize),
}

/// The message in a file.
///
/// # Errors
/// [`TagFileError`].
pub fn read_file(file: &[u8]) -> Result<&[u8], TagFileError> {
    let (length, message) = file.split_first_chunk::<LENGTH_OCTETS>().ok_or(TagFileError::Short(file.len()))?;
    let said = usize::from(u16::from_be_bytes(*length));
    if said == message.len() { Ok(message) } else { Err(TagFileError::Length { said, held: message.len() }) }
}

/// The file of a message.
///
/// # Errors
/// [`TagFileError::TooLong`].
pub fn write_file(message: &[u8]) -> Result<Vec<u8>, TagFileError> {
    let length = u16::try_from(message.len()).map_err(|_| TagFileError::TooLong(message.len()))?;
    Ok([&length.to_be_bytes(), message].concat())
}
