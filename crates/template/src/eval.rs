//! Evaluation.

use serde_json::Value;

use crate::ast::{Binding, Command, Node, Operand, Pipeline};
use crate::{functions, print};

/// Why a template cannot be rendered with some data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The data has no such field.
    #[error("no field {0:?}")]
    NoField(String),
    /// A field of something that has none.
    #[error("cannot look up {name:?} in {kind}")]
    NotAnObject {
        /// The field.
        name: String,
        /// What it was looked up in.
        kind: &'static str,
    },
    /// A variable that was not declared.
    #[error("undefined variable ${0}")]
    NoVariable(String),
    /// Something other than a function or method got arguments.
    #[error("cannot give arguments to {0}")]
    NotAFunction(String),
    /// A function does not take what it got.
    #[error("{function}: {reason}")]
    Argument {
        /// The function.
        function: String,
        /// What is wrong.
        reason: String,
    },
    /// `range` over something that has no elements.
    #[error("range cannot go over {0}")]
    NotAList(&'static str),
}

/// Renders pieces with `data` as `.` and `$`.
pub(crate) fn render(nodes: &[Node], data: &Value) -> Result<String, RenderError> {
    let mut scope = Scope { variables: vec![(String::new(), data.clone())], out: String::new(), root: data };
    scope.nodes(nodes, data)?;
    Ok(scope.out)
}

struct Scope<'a> {
    variables: Vec<(String, Value)>,
    out: String,
    root: &'a Value,
}

/// What a piece tells the loop around it.
#[derive(PartialEq)]
enum Flow {
    Next,
    Break,
    Continue,
}

impl Scope<'_> {
    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, RenderError> {
        for node in nodes {
            let flow = self.node(node, dot)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    /// Pieces whose variables end with them.
    fn block(&mut self, nodes: &[Node], dot: &Value, outside: usize) -> Result<Flow, RenderError> {
        let flow = self.nodes(nodes, dot)?;
        self.variables.truncate(outside);
        Ok(flow)
    }

    fn node(&mut self, node: &Node, dot: &Value) -> Result<Flow, RenderError> {
        let outside = self.variables.len();
        match node {
            Node::Text(text) => self.out.push_str(text),
            Node::Action(pipeline) => {
                let value = self.pipeline(pipeline, dot)?;
                if pipeline.variables.is_empty() {
                    self.out.push_str(&print::text(&value));
                }
            }
            Node::If { arms, otherwise } => {
                for (condition, body) in arms {
                    if functions::truth(&self.pipeline(condition, dot)?) {
                        return self.block(body, dot, outside);
                    }
                }
                return self.block(otherwise, dot, outside);
            }
            Node::With { pipeline, body, otherwise } => {
                let value = self.pipeline(pipeline, dot)?;
                return match functions::truth(&value) {
                    true => self.block(body, &value, outside),
                    false => self.block(otherwise, dot, outside),
                };
            }
            Node::Range { pipeline, body, otherwise } => return self.range(pipeline, body, otherwise, dot),
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn range(
        &mut self,
        pipeline: &Pipeline,
        body: &[Node],
        otherwise: &[Node],
        dot: &Value,
    ) -> Result<Flow, RenderError> {
        let outside = self.variables.len();
        let value = self.commands(pipeline, dot)?;
        let elements = elements(&value)?;
        if elements.is_empty() {
            return self.block(otherwise, dot, outside);
        }
        for (key, element) in elements {
            match pipeline.variables.as_slice() {
                [] => {}
                [one] => self.variables.push((one.clone(), element.clone())),
                [first, second, ..] => {
                    self.variables.push((first.clone(), key));
                    self.variables.push((second.clone(), element.clone()));
                }
            }
            if self.block(body, &element, outside)? == Flow::Break {
                break;
            }
        }
        Ok(Flow::Next)
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Value, RenderError> {
        let value = self.commands(pipeline, dot)?;
        if let Some(name) = pipeline.variables.first() {
            self.bind(name, pipeline.binding, value.clone())?;
        }
        Ok(value)
    }

    fn bind(&mut self, name: &str, binding: Binding, value: Value) -> Result<(), RenderError> {
        if binding == Binding::Declare {
            self.variables.push((name.to_owned(), value));
            return Ok(());
        }
        let held = self.variables.iter_mut().rev().find(|(held, _)| held == name);
        held.ok_or_else(|| RenderError::NoVariable(name.to_owned()))?.1 = value;
        Ok(())
    }

    fn commands(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Value, RenderError> {
        let mut last = None;
        for command in &pipeline.commands {
            last = Some(self.command(command, dot, last)?);
        }
        Ok(last.unwrap_or(Value::Null))
    }

    fn command(
        &mut self,
        command: &Command,
        dot: &Value,
        piped: Option<Value>,
    ) -> Result<Value, RenderError> {
        let Some((first, rest)) = command.operands.split_first() else { return Ok(Value::Null) };
        if let Operand::Function(name) = first
            && let Some(decided) = self.short_circuit(name, rest, dot, piped.as_ref())?
        {
            return Ok(decided);
        }
        let mut arguments =
            rest.iter().map(|operand| self.operand(operand, dot)).collect::<Result<Vec<_>, _>>()?;
        arguments.extend(piped);
        match first {
            Operand::Function(name) => functions::call(name, &arguments),
            _ if arguments.is_empty() => self.operand(first, dot),
            Operand::Field(names) => method(dot, names, &arguments),
            Operand::Variable(name, names) => method(&self.variable(name)?, names, &arguments),
            Operand::Group(..) | Operand::Literal(_) => Err(RenderError::NotAFunction("a value".to_owned())),
        }
    }

    /// `and` and `or` do not look at what they need not.
    fn short_circuit(
        &mut self,
        name: &str,
        operands: &[Operand],
        dot: &Value,
        piped: Option<&Value>,
    ) -> Result<Option<Value>, RenderError> {
        let stop_at = match name {
            "and" => false,
            "or" => true,
            _ => return Ok(None),
        };
        let mut last = Value::Null;
        for operand in operands {
            last = self.operand(operand, dot)?;
            if functions::truth(&last) == stop_at {
                return Ok(Some(last));
            }
        }
        Ok(Some(piped.cloned().unwrap_or(last)))
    }

    fn operand(&mut self, operand: &Operand, dot: &Value) -> Result<Value, RenderError> {
        match operand {
            Operand::Literal(value) => Ok(value.clone()),
            Operand::Function(name) => functions::call(name, &[]),
            Operand::Field(names) => {
                if let [first] = names.as_slice()
                    && std::ptr::eq(dot, self.root)
                    && dot.as_object().is_some_and(|object| !object.contains_key(first))
                {
                    return Err(RenderError::NoField(first.clone()));
                }
                chain(dot, names)
            }
            Operand::Variable(name, names) => chain(&self.variable(name)?, names),
            Operand::Group(inner, names) => chain(&self.pipeline(inner, dot)?, names),
        }
    }

    fn variable(&self, name: &str) -> Result<Value, RenderError> {
        let held = self.variables.iter().rev().find(|(held, _)| held == name);
        held.map(|(_, value)| value.clone()).ok_or_else(|| RenderError::NoVariable(name.to_owned()))
    }
}

fn elements(value: &Value) -> Result<Vec<(Value, Value)>, RenderError> {
    Ok(match value {
        Value::Null => Vec::new(),
        Value::Array(list) => {
            list.iter().enumerate().map(|(at, value)| (Value::from(at), value.clone())).collect()
        }
        Value::Object(map) => {
            map.iter().map(|(key, value)| (Value::from(key.as_str()), value.clone())).collect()
        }
        Value::Number(number) => {
            (0..number.as_u64().unwrap_or_default()).map(|at| (Value::from(at), Value::from(at))).collect()
        }
        other => return Err(RenderError::NotAList(functions::kind(other))),
    })
}

/// Follows names; a key that is not there has no value, a key of that is an error.
fn chain(value: &Value, names: &[String]) -> Result<Value, RenderError> {
    let mut value = value;
    for name in names {
        value = match value {
            Value::Object(map) => map.get(name).unwrap_or(&Value::Null),
            other => {
                return Err(RenderError::NotAnObject { name: name.clone(), kind: functions::kind(other) });
            }
        };
    }
    Ok(value.clone())
}

fn method(receiver: &Value, names: &[String], arguments: &[Value]) -> Result<Value, RenderError> {
    let not_a_function = || RenderError::NotAFunction(names.join("."));
    let (last, before) = names.split_last().ok_or_else(not_a_function)?;
    let table = chain(receiver, before)?.get(format!("{last}()")).cloned().ok_or_else(not_a_function)?;
    let [Value::String(key)] = arguments else { return Err(not_a_function()) };
    Ok(table.get(key).cloned().unwrap_or_else(|| Value::from("")))
}
