//! A located finding about an export, a plan or an account, with its remedy.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How much a problem matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Warn,
    /// Some records will wait for a decision.
    Hold,
    /// Nothing may be written before it is mended.
    Block,
}

/// A finding: what, where, how bad, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Stable code for programs: `unknown_transform`.
    pub code: String,
    /// How much it matters.
    pub severity: Severity,
    /// JSON pointer into the document concerned: `/mappings/0/fields/3/to`; empty for the whole.
    #[serde(default)]
    pub pointer: String,
    /// File, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Line in the file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// What is wrong, in words.
    pub message: String,
    /// What to do about it.
    #[serde(default)]
    pub remedy: String,
}

impl Problem {
    /// A finding without a place.
    pub fn new(
        severity: Severity,
        code: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            code: code.into(),
            severity,
            pointer: String::new(),
            file: None,
            line: None,
            message: message.into(),
            remedy: remedy.into(),
        }
    }

    /// The same finding at a place in a document.
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = pointer.into();
        self
    }

    /// The same finding in a file.
    pub fn in_file(mut self, file: impl Into<String>, line: impl Into<Option<u64>>) -> Self {
        self.file = Some(file.into());
        self.line = line.into();
        self
    }
}

impl std::error::Error for Problem {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}:")?;
            if let Some(line) = self.line {
                write!(f, "{line}:")?;
            }
            f.write_str(" ")?;
        }
        if !self.pointer.is_empty() {
            write!(f, "{}: ", self.pointer)?;
        }
        write!(f, "{}", self.message)?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, "; {}", self.remedy) }
    }
}
