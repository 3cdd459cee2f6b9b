//! Configuration: a TOML file, then environment variables, then flags; the last one wins.
//!
//! Owns: reading and merging, and the one place where the environment is read. Takes: where to look. Emits: the role's own
//! struct, which denies unknown fields. On failure: says where the value stands (file and line, variable, or flag), the key, what
//! is wrong and what would be right; it never shows the value of a secret.
//!
//! Variables are `AISLE_<ROLE>_<KEY>`, with two underscores between levels: `AISLE_NODE_BROKER__PORT=1883`. Their values are
//! read as TOML would: a text that looks like a number is quoted, `AISLE_NODE_STORE='"0042"'`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::error::Kind;
use figment::providers::{Format as _, Serialized, Toml};
use figment::value::Value as FigmentValue;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use toml::de::{DeTable, DeValue};

/// Between the levels of a key in the name of a variable.
const LEVEL_SEPARATOR: &str = "__";
/// Words that make a key's value unfit for error messages.
const SECRET_WORDS: &[&str] = &["secret", "password", "key", "token"];

/// Where a role's configuration comes from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// Role in the names of variables, e.g. `node`.
    pub role: &'static str,
    /// File to read; without one, defaults, variables and flags must do.
    pub file: Option<PathBuf>,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("failed to read configuration file {file}")]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{origin}: {problem}")]
    Syntax {
        /// Where it stands.
        origin: Origin,
        /// What the parser says.
        problem: String,
    },
    /// A value is missing, unknown or wrong.
    #[error("{origin}: `{key}` {problem}; {right}")]
    Value {
        /// Where it stands.
        origin: Origin,
        /// Key, levels joined by dots.
        key: String,
        /// What is wrong with it.
        problem: String,
        /// What would be right.
        right: String,
    },
    /// The flags cannot be put into words of configuration.
    #[error("failed to read flags")]
    Flags(#[source] serde_json::Error),
}

/// Where a value of the configuration stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A line of the file; without a line, the file as a whole.
    File {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: Option<usize>,
    },
    /// An environment variable.
    Variable(String),
    /// A flag on the command line.
    Flag,
    /// Nowhere: it is missing.
    Nowhere,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line: Some(line) } => write!(f, "{}, line {line}", file.display()),
            Self::File { file, line: None } => write!(f, "{}", file.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag => f.write_str("command line"),
            Self::Nowhere => f.write_str("configuration"),
        }
    }
}

/// Reads the configuration of a role. `flags` holds what was given on the command line under the same keys; what is null was not
/// given.
///
/// # Errors
/// The first thing that is wrong.
pub fn load<T: DeserializeOwned>(sources: &Sources, flags: &impl Serialize) -> Result<T, ConfigError> {
    let environment = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    load_from(sources, environment, flags)
}

/// `load` with the environment as an argument.
///
/// # Errors
/// The first thing that is wrong.
pub fn load_from<T: DeserializeOwned>(
    sources: &Sources,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &impl Serialize,
) -> Result<T, ConfigError> {
    let text = match &sources.file {
        Some(file) => std::fs::read_to_string(file).map_err(|source| ConfigError::Read { file: file.clone(), source })?,
        None => String::new(),
    };
    let flags = without_nulls(serde_json::to_value(flags).map_err(ConfigError::Flags)?);
    let variables = variables(sources.role, environment);
    if let (Some(file), Err(error)) = (&sources.file, DeTable::parse(&text)) {
        let line = error.span().map(|span| line_of(&text, span.start));
        let origin = Origin::File { file: file.clone(), line };
        return Err(ConfigError::Syntax { origin, problem: error.message().to_owned() });
    }
    let mut figment = Figment::new().merge(Toml::string(&text));
    for (key, value) in &variables {
        figment = figment.merge(Serialized::default(key, value));
    }
    let figment = figment.merge(Serialized::defaults(&flags));
    figment.extract().map_err(|error| explain(error, &Context { sources, text: &text, variables: &variables, flags: &flags }))
}

/// The role's variables as keys with dots, and their values read as TOML would.
fn variables(role: &str, environment: impl IntoIterator<Item = (String, String)>) -> BTreeMap<String, FigmentValue> {
    let prefix = prefix(role);
    let ours = environment.into_iter().filter_map(|(name, value)| {
        let key = name.strip_prefix(&prefix)?.to_lowercase().replace(LEVEL_SEPARATOR, ".");
        let Ok(value) = value.parse::<FigmentValue>();
        Some((key, value))
    });
    ours.collect()
}

/// What an error is explained with.
struct Context<'a> {
    sources: &'a Sources,
    text: &'a str,
    variables: &'a BTreeMap<String, FigmentValue>,
    flags: &'a Value,
}

fn prefix(role: &str) -> String {
    format!("AISLE_{}_", role.to_uppercase())
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let given = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(given.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => value,
    }
}

fn explain(error: figment::Error, context: &Context<'_>) -> ConfigError {
    let figment::Error { mut path, kind, .. } = error;
    let secret = |path: &[String]| path.last().is_some_and(|key| SECRET_WORDS.iter().any(|word| key.to_lowercase().contains(word)));
    let shown = |path: &[String], actual: &dyn fmt::Display| {
        if secret(path) { "holds something of the wrong form".to_owned() } else { format!("is {actual}") }
    };
    let one_of = |known: &[&str]| match known {
        [] => "no key is expected here".to_owned(),
        known => format!("expected one of {}", known.join(", ")),
    };
    let (problem, right) = match kind {
        Kind::InvalidType(actual, expected) | Kind::InvalidValue(actual, expected) => {
            (shown(&path, &actual), format!("expected {expected}"))
        }
        Kind::InvalidLength(length, expected) => (format!("has {length} items"), format!("expected {expected}")),
        Kind::UnknownVariant(actual, known) => (shown(&path, &format!("`{actual}`")), one_of(known)),
        Kind::UnknownField(name, known) => {
            if path.last() != Some(&name) {
                path.push(name);
            }
            ("is not a known key".to_owned(), one_of(known))
        }
        Kind::MissingField(name) => {
            path.push(name.into_owned());
            let variable = variable(context.sources.role, &path);
            ("is missing".to_owned(), format!("set it in the file or as {variable}"))
        }
        Kind::DuplicateField(name) => {
            path.push(name.to_owned());
            ("is given twice".to_owned(), "expected it once".to_owned())
        }
        Kind::ISizeOutOfRange(number) => (format!("is {number}"), "expected a smaller number".to_owned()),
        Kind::USizeOutOfRange(number) => (format!("is {number}"), "expected a smaller number".to_owned()),
        Kind::Unsupported(actual) => (shown(&path, &actual), "expected another type".to_owned()),
        Kind::UnsupportedKey(actual, expected) => (format!("has a key that is {actual}"), format!("expected {expected}")),
        // A parser of ours speaks here (`StoreId`, `SocketAddr`): its message says what would be right.
        Kind::Message(_) if secret(&path) => ("is refused".to_owned(), "expected a secret of the right form".to_owned()),
        Kind::Message(message) => ("is refused".to_owned(), message),
    };
    ConfigError::Value { origin: origin(context, &path), key: path.join("."), problem, right }
}

fn variable(role: &str, path: &[String]) -> String {
    format!("{}{}", prefix(role), path.join(LEVEL_SEPARATOR).to_uppercase())
}

/// The source that wins for this key, in the order in which they win.
fn origin(context: &Context<'_>, path: &[String]) -> Origin {
    let Context { sources, text, variables, flags } = context;
    let flag = path.iter().try_fold(*flags, |value, key| value.get(key));
    if flag.is_some() && !path.is_empty() {
        return Origin::Flag;
    }
    if variables.contains_key(&path.join(".")) {
        return Origin::Variable(variable(sources.role, path));
    }
    let Some(file) = &sources.file else { return Origin::Nowhere };
    Origin::File { file: file.clone(), line: line_of_key(text, path) }
}

/// Line of the deepest level of `path` that the file holds.
fn line_of_key(text: &str, path: &[String]) -> Option<usize> {
    let table = DeTable::parse(text).ok()?;
    let mut line = None;
    let mut here = table.get_ref();
    for key in path {
        let Some((name, value)) = here.iter().find(|(name, _)| name.get_ref() == key) else { break };
        line = Some(line_of(text, name.span().start));
        match value.get_ref() {
            DeValue::Table(inner) => here = inner,
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_) => break,
        }
    }
    line
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// Reads the annotated default file of a role: it must be a valid configuration by itself.
///
/// # Errors
/// When it is not; a test of the role calls this.
pub fn check_reference<T: DeserializeOwned>(role: &'static str, file: &Path) -> Result<T, ConfigError> {
    load(&Sources { role, file: Some(file.to_owned()) }, &Value::Object(serde_json::Map::new()))
}
