//! What a template consists of.

use serde_json::Value;

/// A piece of a template.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Text(String),
    /// Prints a pipeline's value, unless it only sets a variable.
    Action(Pipeline),
    If {
        arms: Vec<(Pipeline, Vec<Node>)>,
        otherwise: Vec<Node>,
    },
    With {
        pipeline: Pipeline,
        body: Vec<Node>,
        otherwise: Vec<Node>,
    },
    Range {
        pipeline: Pipeline,
        body: Vec<Node>,
        otherwise: Vec<Node>,
    },
    Break,
    Continue,
}

/// How a pipeline's value gets to variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binding {
    /// `:=`
    Declare,
    /// `=`
    Assign,
}

/// Commands, each of which gets the value of the one before as its last argument.
#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    pub(crate) variables: Vec<String>,
    pub(crate) binding: Binding,
    pub(crate) commands: Vec<Command>,
}

/// Operands; the first may be a function or a method, the others are its arguments.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) operands: Vec<Operand>,
}

/// A value's source.
#[derive(Debug, Clone)]
pub(crate) enum Operand {
    Literal(Value),
    Function(String),
    /// `.A.B`; no names is `.` itself.
    Field(Vec<String>),
    /// `$x.A.B`; `$` alone has an empty name.
    Variable(String, Vec<String>),
    /// `(pipeline).A`
    Group(Box<Pipeline>, Vec<String>),
}

/// See [`crate::Template::fields`].
pub(crate) fn top_fields(nodes: &[Node]) -> Vec<&str> {
    let mut found = Vec::new();
    for node in nodes {
        if let Node::Action(pipeline) | Node::With { pipeline, .. } | Node::Range { pipeline, .. } = node {
            fields_of(pipeline, &mut found);
        }
        if let Node::If { arms, .. } = node {
            arms.iter().for_each(|(_, body)| found.extend(top_fields(body)));
        }
    }
    found
}

fn fields_of<'a>(pipeline: &'a Pipeline, found: &mut Vec<&'a str>) {
    for operand in pipeline.commands.iter().flat_map(|command| &command.operands) {
        match operand {
            Operand::Field(names) => found.extend(names.first().map(String::as_str)),
            Operand::Group(inner, _) => fields_of(inner, found),
            _ => {}
        }
    }
}
