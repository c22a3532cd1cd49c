//! Words to pieces.

use serde_json::Value;

use crate::ast::{Binding, Command, Node, Operand, Pipeline};
use crate::functions;
use crate::lexer::{Part, Token, parts, tokens};

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// An action, string or comment has no end.
    #[error("an action is not closed: }}}} or a quote is missing")]
    Unclosed,
    /// Something stands where it cannot.
    #[error("unexpected {0:?} in an action")]
    Unexpected(String),
    /// A function that there is not.
    #[error("function {0:?} not defined")]
    UnknownFunction(String),
    /// `if`, `range` or `with` without `end`.
    #[error("unexpected end of the template: {0:?} has no {{{{end}}}}")]
    NoEnd(&'static str),
    /// `end` or `else` without a beginning.
    #[error("unexpected {{{{{0}}}}}")]
    NoBeginning(String),
    /// An action or an operand is empty.
    #[error("missing value in an action")]
    Empty,
}

/// Parses a whole template.
pub(crate) fn parse(source: &str) -> Result<Vec<Node>, ParseError> {
    let parts = parts(source)?;
    let mut parser = Parser { parts: parts.into_iter() };
    let (nodes, stop) = parser.nodes()?;
    match stop {
        Stop::End(word) | Stop::Else(word) => Err(ParseError::NoBeginning(word)),
        Stop::Source => Ok(nodes),
    }
}

struct Parser<'a> {
    parts: std::vec::IntoIter<Part<'a>>,
}

/// What ended a list of pieces.
enum Stop {
    Source,
    End(String),
    /// The text behind `else`.
    Else(String),
}

impl Parser<'_> {
    fn nodes(&mut self) -> Result<(Vec<Node>, Stop), ParseError> {
        let mut nodes = Vec::new();
        while let Some(part) = self.parts.next() {
            let action = match part {
                Part::Text(text) => {
                    nodes.push(Node::Text(text));
                    continue;
                }
                Part::Action(action) => action,
            };
            let (word, rest) = first_word(action);
            nodes.push(match word {
                "end" => return Ok((nodes, Stop::End(word.to_owned()))),
                "else" => return Ok((nodes, Stop::Else(rest.to_owned()))),
                "if" => self.conditional(rest)?,
                "with" => {
                    let (pipeline, body, otherwise) = self.block("with", rest)?;
                    Node::With { pipeline, body, otherwise }
                }
                "range" => {
                    let (pipeline, body, otherwise) = self.block("range", rest)?;
                    Node::Range { pipeline, body, otherwise }
                }
                "break" => Node::Break,
                "continue" => Node::Continue,
                _ => Node::Action(pipeline(action)?),
            });
        }
        Ok((nodes, Stop::Source))
    }

    fn conditional(&mut self, condition: &str) -> Result<Node, ParseError> {
        let mut arms = Vec::new();
        let mut condition = pipeline(condition)?;
        loop {
            let (body, stop) = self.nodes()?;
            arms.push((condition, body));
            match stop {
                Stop::Source => return Err(ParseError::NoEnd("if")),
                Stop::End(_) => return Ok(Node::If { arms, otherwise: Vec::new() }),
                Stop::Else(text) => match first_word(&text) {
                    ("if", next) => condition = pipeline(next)?,
                    _ => return Ok(Node::If { arms, otherwise: self.last("if")? }),
                },
            }
        }
    }

    fn block(
        &mut self,
        word: &'static str,
        text: &str,
    ) -> Result<(Pipeline, Vec<Node>, Vec<Node>), ParseError> {
        let pipeline = pipeline(text)?;
        let (body, stop) = self.nodes()?;
        let otherwise = match stop {
            Stop::Source => return Err(ParseError::NoEnd(word)),
            Stop::End(_) => Vec::new(),
            Stop::Else(_) => self.last(word)?,
        };
        Ok((pipeline, body, otherwise))
    }

    fn last(&mut self, word: &'static str) -> Result<Vec<Node>, ParseError> {
        match self.nodes()? {
            (nodes, Stop::End(_)) => Ok(nodes),
            (_, Stop::Else(_)) => Err(ParseError::NoBeginning("else".to_owned())),
            (_, Stop::Source) => Err(ParseError::NoEnd(word)),
        }
    }
}

fn first_word(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

fn pipeline(text: &str) -> Result<Pipeline, ParseError> {
    let tokens = tokens(text)?;
    let mut words = Words { tokens: &tokens };
    let pipeline = words.pipeline()?;
    match words.tokens.first() {
        None => Ok(pipeline),
        Some(token) => Err(ParseError::Unexpected(shown(token))),
    }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Word(text) | Token::Number(text) | Token::Text(text) => text.clone(),
        Token::Field(name) => format!(".{name}"),
        Token::Variable(name) => format!("${name}"),
        Token::Open => "(".to_owned(),
        Token::Close => ")".to_owned(),
        Token::Pipe => "|".to_owned(),
        Token::Comma => ",".to_owned(),
        Token::Declare => ":=".to_owned(),
        Token::Assign => "=".to_owned(),
        Token::Space => " ".to_owned(),
    }
}

struct Words<'a> {
    tokens: &'a [Token],
}

impl Words<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.first()
    }

    fn next(&mut self) -> Option<Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first.clone())
    }

    fn skip_spaces(&mut self) {
        while self.peek() == Some(&Token::Space) {
            self.next();
        }
    }

    fn pipeline(&mut self) -> Result<Pipeline, ParseError> {
        let (variables, binding) = self.variables();
        let mut commands = vec![self.command()?];
        while self.peek() == Some(&Token::Pipe) {
            self.next();
            commands.push(self.command()?);
        }
        Ok(Pipeline { variables, binding, commands })
    }

    /// `$a, $b :=`, when that is what comes.
    fn variables(&mut self) -> (Vec<String>, Binding) {
        let before = self.tokens;
        let mut names = Vec::new();
        loop {
            self.skip_spaces();
            match self.next() {
                Some(Token::Variable(name)) => names.push(name),
                Some(Token::Comma) if !names.is_empty() => {}
                Some(Token::Declare) if !names.is_empty() => return (names, Binding::Declare),
                Some(Token::Assign) if !names.is_empty() => return (names, Binding::Assign),
                _ => {
                    self.tokens = before;
                    return (Vec::new(), Binding::Declare);
                }
            }
        }
    }

    fn command(&mut self) -> Result<Command, ParseError> {
        let mut operands = Vec::new();
        loop {
            self.skip_spaces();
            match self.peek() {
                None | Some(Token::Pipe | Token::Close) => break,
                Some(_) => operands.push(self.operand()?),
            }
        }
        if operands.is_empty() { Err(ParseError::Empty) } else { Ok(Command { operands }) }
    }

    fn operand(&mut self) -> Result<Operand, ParseError> {
        Ok(match self.next().ok_or(ParseError::Empty)? {
            Token::Text(text) => Operand::Literal(Value::String(text)),
            Token::Number(text) => Operand::Literal(number(&text)?),
            Token::Word(word) => match word.as_str() {
                "true" => Operand::Literal(Value::Bool(true)),
                "false" => Operand::Literal(Value::Bool(false)),
                "nil" => Operand::Literal(Value::Null),
                _ if functions::exists(&word) => Operand::Function(word),
                _ => return Err(ParseError::UnknownFunction(word)),
            },
            Token::Field(name) if name.is_empty() => Operand::Field(Vec::new()),
            Token::Field(name) => {
                let mut names = vec![name];
                names.extend(self.chain());
                Operand::Field(names)
            }
            Token::Variable(name) => Operand::Variable(name, self.chain()),
            Token::Open => {
                let inner = self.pipeline()?;
                self.skip_spaces();
                match self.next() {
                    Some(Token::Close) => Operand::Group(Box::new(inner), self.chain()),
                    _ => return Err(ParseError::Unclosed),
                }
            }
            other => return Err(ParseError::Unexpected(shown(&other))),
        })
    }

    fn chain(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        while let Some(Token::Field(name)) = self.peek() {
            if name.is_empty() {
                break;
            }
            names.push(name.clone());
            self.next();
        }
        names
    }
}

fn number(text: &str) -> Result<Value, ParseError> {
    let unexpected = || ParseError::Unexpected(text.to_owned());
    if let Ok(integer) = text.parse::<i64>() {
        return Ok(Value::from(integer));
    }
    text.parse::<f64>().map(Value::from).map_err(|_| unexpected())
}
