//! Mail out: sign-in codes over SMTP, or into a sink where no SMTP server is configured.
//!
//! Owns the connection to the SMTP server and the sink, a bounded ring that the demo shows and tests read. Takes mails; emits nothing.
//! On failure: [`MailError`], which the route answers as 503. A mail's text is never logged: whoever reads it can sign in.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use aisle_cloud_core::identity::{NormalEmail, SignInCode};
use aisle_schemas::text::Language;
use chrono::{DateTime, Utc};
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
    transport::smtp::authentication::Credentials,
};
use secrecy::ExposeSecret;

use crate::config::SmtpConfig;

/// Mails the sink remembers.
const SINK_MAILS: usize = 200;
/// Longest conversation with the SMTP server.
const SMTP_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a mail did not leave.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    #[error("failed to read the sender's or reader's address")]
    Address(#[source] lettre::address::AddressError),
    #[error("failed to build the mail")]
    Build(#[source] lettre::error::Error),
    #[error("failed to set up the SMTP server")]
    Setup(#[source] lettre::transport::smtp::Error),
    /// Without the server's words, which may quote the reader's address.
    #[error("the SMTP server did not take the mail ({})", .status.as_deref().unwrap_or("no answer"))]
    Smtp { status: Option<String> },
}

/// A mail in the sink.
#[derive(Clone, PartialEq, Eq, serde::Serialize)]
pub struct SunkMail {
    pub to: String,
    pub subject: String,
    pub text: String,
    /// The sign-in code in it.
    pub code: String,
    pub at: DateTime<Utc>,
}

/// Where mails go that no server takes: newest last.
#[derive(Clone, Default)]
pub struct MailSink(Arc<Mutex<VecDeque<SunkMail>>>);

impl MailSink {
    fn push(&self, mail: SunkMail) {
        let mut mails = self.0.lock().expect("no holder panics");
        if mails.len() == SINK_MAILS {
            mails.pop_front();
        }
        mails.push_back(mail);
    }
    /// All mails remembered, newest first.
    pub fn mails(&self) -> Vec<SunkMail> {
        self.0.lock().expect("no holder panics").iter().rev().cloned().collect()
    }
    /// The newest code that was sent to an address, written as its reader would write it.
    pub fn code_for(&self, address: &str) -> Option<String> {
        let mails = self.0.lock().expect("no holder panics");
        mails.iter().rev().find(|mail| mail.to.eq_ignore_ascii_case(address)).map(|mail| mail.code.clone())
    }
}

/// The way out.
pub enum Mailer {
    Smtp { transport: Box<AsyncSmtpTransport<Tokio1Executor>>, from: Mailbox },
    Sink { sink: MailSink, print: bool },
}

impl Mailer {
    /// Over SMTP.
    pub fn smtp(config: &SmtpConfig) -> Result<Self, MailError> {
        let SmtpConfig { host, port, username, password, from, plain } = config;
        let builder = if *plain {
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
        } else {
            AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(host).map_err(MailError::Setup)?
        };
        let builder = builder.port(*port).timeout(Some(SMTP_TIMEOUT));
        let builder = match (username, password) {
            (Some(username), Some(password)) => {
                builder.credentials(Credentials::new(username.clone(), password.expose_secret().to_owned()))
            }
            (Some(_) | None, _) => builder,
        };
        let from = from.parse().map_err(MailError::Address)?;
        Ok(Self::Smtp { transport: Box::new(builder.build()), from })
    }

    /// Into the sink; `print` writes the subject of each mail to standard error, as the demo does.
    pub fn sink(sink: MailSink, print: bool) -> Self {
        Self::Sink { sink, print }
    }

    /// Sends a sign-in code.
    pub async fn send_code(&self, to: &NormalEmail, code: &SignInCode, language: Language, at: DateTime<Utc>) -> Result<(), MailError> {
        let (subject, text) = code_mail(code, language);
        match self {
            Self::Smtp { transport, from } => {
                let mail = Message::builder()
                    .from(from.clone())
                    .to(to.expose().parse().map_err(MailError::Address)?)
                    .subject(subject)
                    .header(ContentType::TEXT_PLAIN)
                    .body(text)
                    .map_err(MailError::Build)?;
                let sent = transport.send(mail).await;
                sent.map(|_| ()).map_err(|error| MailError::Smtp { status: error.status().map(|status| status.to_string()) })
            }
            Self::Sink { sink, print } => {
                if *print {
                    use std::io::Write;
                    let line = format!("mail to {}: {}\n", to.expose(), subject);
                    // Standard output is for what a command reports. A closed one must not stop anyone from signing in: the sink has the mail.
                    if let Err(error) = std::io::stderr().write_all(line.as_bytes()) {
                        tracing::debug!(%error, "failed to print a mail");
                    }
                }
                sink.push(SunkMail { to: to.expose().to_owned(), subject, text, code: code.expose().to_owned(), at });
                Ok(())
            }
        }
    }
}

/// Subject and text of a sign-in mail. The code stands in the subject, so that it can be read off a lock screen.
fn code_mail(code: &SignInCode, language: Language) -> (String, String) {
    let (first, last) = code.expose().split_at(3);
    match language {
        Language::De => (
            format!("{first} {last} ist Ihr Anmeldecode"),
            format!(
                "Guten Tag\n\nIhr Code zum Anmelden: {first} {last}\n\nEr gilt zehn Minuten und nur einmal. Haben Sie sich nicht anmelden wollen? \
                 Dann brauchen Sie nichts zu tun: Ohne den Code kommt niemand in Ihr Konto.\n"
            ),
        ),
        Language::En => (
            format!("{first} {last} is your sign-in code"),
            format!(
                "Hello\n\nYour code to sign in: {first} {last}\n\nIt works once, within ten minutes. Did you not try to sign in? \
                 Then there is nothing to do: nobody gets into your account without the code.\n"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use aisle_cloud_core::identity::LocalPartPolicy;

    use super::*;

    #[tokio::test]
    async fn the_sink_keeps_the_newest_code_of_each_reader_and_forgets_the_oldest_mails() {
        let sink = MailSink::default();
        let mailer = Mailer::sink(sink.clone(), false);
        let to = |name: &str| NormalEmail::parse(&format!("{name}@example.org"), LocalPartPolicy::LowerCase).unwrap();
        let now = DateTime::UNIX_EPOCH;
        for draw in [1, 2] {
            mailer.send_code(&to("anna"), &SignInCode::from_draw(draw), Language::De, now).await.unwrap();
        }
        assert_eq!(sink.code_for("Anna@example.org").as_deref(), Some("000002"));
        for draw in 0..SINK_MAILS {
            mailer.send_code(&to("ben"), &SignInCode::from_draw(draw as u64), Language::En, now).await.unwrap();
        }
        assert_eq!((sink.code_for("anna@example.org"), sink.mails().len()), (None, SINK_MAILS));
    }
}
