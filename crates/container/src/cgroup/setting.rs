//! One value for one control file, as a plan to be carried out.

/// A value to be written into a control file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    /// The controller that has the file.
    pub controller: &'static str,
    /// The file's name.
    pub file: String,
    /// A file to be used when there is no `file`, with a value of its own.
    pub otherwise: Option<(String, String)>,
    /// The value.
    pub value: String,
    /// What is lost if this kernel has no such file; `None` if that is an error.
    pub loss: Option<&'static str>,
}

impl Setting {
    pub(super) fn new(controller: &'static str, file: impl Into<String>, value: impl ToString) -> Self {
        Self { controller, file: file.into(), otherwise: None, value: value.to_string(), loss: None }
    }

    /// Falls back to another file.
    pub(super) fn or(mut self, file: impl Into<String>, value: impl ToString) -> Self {
        self.otherwise = Some((file.into(), value.to_string()));
        self
    }

    /// Is dispensable.
    pub(super) fn dispensable(mut self, loss: &'static str) -> Self {
        self.loss = Some(loss);
        self
    }
}
