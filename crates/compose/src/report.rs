//! Collecting what is to be said, so that one run tells every error it can.

use crate::diagnostic::{Diagnostic, Severity};
use crate::excerpt;
use crate::source::{Sources, Span};
use std::cell::RefCell;

/// Something to say, not yet rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    pub(crate) message: String,
    /// The place it is about.
    pub(crate) span: Option<Span>,
    /// What is said below the place.
    pub(crate) label: Option<String>,
    /// Other places that matter.
    pub(crate) related: Vec<(Span, String)>,
    pub(crate) help: Option<String>,
}

impl Finding {
    pub(crate) fn error(span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, Some(span), message.into())
    }

    pub(crate) fn warning(span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, Some(span), message.into())
    }

    /// An error that is not about a place in a file.
    pub(crate) fn error_without_place(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, None, message.into())
    }

    pub(crate) fn warning_without_place(message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, None, message.into())
    }

    fn new(severity: Severity, span: Option<Span>, message: String) -> Self {
        Self { severity, message, span, label: None, related: Vec::new(), help: None }
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    pub(crate) fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn render(&self, sources: &Sources) -> Diagnostic {
        Diagnostic {
            severity: self.severity,
            message: self.message.clone(),
            origin: self.span.map(|span| sources.origin(span)),
            help: self.help.clone(),
            rendered: excerpt::render(self, sources),
        }
    }
}

/// The findings of one load.
#[derive(Debug, Default)]
pub(crate) struct Report {
    findings: RefCell<Vec<Finding>>,
}

impl Report {
    /// Notes a finding; one that is there already (a shared anchor is looked at more than once) is dropped.
    pub(crate) fn add(&self, finding: Finding) {
        let mut findings = self.findings.borrow_mut();
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.findings.borrow().iter().any(|f| f.severity == Severity::Error)
    }

    /// Every finding, rendered: errors first, then warnings, each in the order of the files.
    pub(crate) fn into_diagnostics(self, sources: &Sources) -> Vec<Diagnostic> {
        let mut findings = self.findings.into_inner();
        findings.sort_by_key(|finding| finding.span);
        let of = |severity| findings.iter().filter(move |f| f.severity == severity);
        of(Severity::Error).chain(of(Severity::Warning)).map(|f| f.render(sources)).collect()
    }
}
