//! Tokens to a tree, by recursive descent.

use super::lexer::{Spanned, Token, tokens};
use super::{CompareOp, Filter, Literal, MAX_DEPTH, MAX_LENGTH, MAX_TERMS};
use crate::dialect::{Dialect, Rule};
use crate::error::{ScimError, quote};
use crate::path::AttrPath;

const OPERATORS: &str = "an operator (eq, ne, co, sw, ew, gt, ge, lt, le, pr)";
const VALUES: &str = "a value: \"text\" in double quotes, a number, true, false or null";

pub(super) fn parse(text: &str, dialect: Dialect) -> Result<Filter, ScimError> {
    if text.len() > MAX_LENGTH {
        return Err(ScimError::invalid_filter(format!(
            "The filter has {} bytes; at most {MAX_LENGTH} are read. Ask in several requests.",
            text.len()
        )));
    }
    let tokens = tokens(text)?;
    let mut parser =
        Parser { tokens: &tokens, end: text.len(), dialect, depth: 0, terms: 0, in_value_path: false };
    let filter = parser.any()?;
    match parser.peek() {
        None => Ok(filter),
        Some(_) => Err(parser.unexpected("\"and\", \"or\" or the end of the filter")),
    }
}

struct Parser<'t> {
    /// What is left.
    tokens: &'t [Spanned<'t>],
    end: usize,
    dialect: Dialect,
    depth: usize,
    terms: usize,
    in_value_path: bool,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<&'t Token<'t>> {
        self.tokens.first().map(|spanned| &spanned.token)
    }

    fn next(&mut self) -> Option<&'t Spanned<'t>> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn take(&mut self, token: &Token<'_>) -> bool {
        let there = self.peek() == Some(token);
        if there {
            self.next();
        }
        there
    }

    /// Takes a keyword; it must stand between blanks.
    fn keyword(&mut self, word: &str) -> Result<bool, ScimError> {
        let Some(Token::Word(found)) = self.peek() else {
            return Ok(false);
        };
        if !found.eq_ignore_ascii_case(word) {
            return Ok(false);
        }
        self.spaced()?;
        self.next();
        self.spaced()?;
        Ok(true)
    }

    fn spaced(&self) -> Result<(), ScimError> {
        match self.tokens.first() {
            Some(spanned) if spanned.spaced => Ok(()),
            _ => Err(self.unexpected("a blank")),
        }
    }

    fn unexpected(&self, expected: &str) -> ScimError {
        let (at, found) = match self.tokens.first() {
            None => (self.end, "the end".to_owned()),
            Some(spanned) => {
                let found = match &spanned.token {
                    Token::Word(word) => quote(word),
                    Token::Text(text) => format!("the text {}", quote(text)),
                    Token::Open => "\"(\"".into(),
                    Token::Close => "\")\"".into(),
                    Token::OpenBracket => "\"[\"".into(),
                    Token::CloseBracket => "\"]\"".into(),
                };
                (spanned.at, found)
            }
        };
        ScimError::invalid_filter(format!("Filter at byte {at}: expected {expected}, but found {found}."))
    }

    fn any(&mut self) -> Result<Filter, ScimError> {
        let mut parts = vec![self.all()?];
        while self.keyword("or")? {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Filter::Or))
    }

    fn all(&mut self) -> Result<Filter, ScimError> {
        let mut parts = vec![self.term()?];
        while self.keyword("and")? {
            parts.push(self.term()?);
        }
        Ok(one_or(parts, Filter::And))
    }

    fn term(&mut self) -> Result<Filter, ScimError> {
        if self.take(&Token::Open) {
            return self.nested(&Token::Close, "\")\"");
        }
        let word = match self.peek() {
            Some(Token::Word(word)) => *word,
            _ => return Err(self.unexpected("an attribute, \"not (\" or \"(\"")),
        };
        if word.eq_ignore_ascii_case("not") {
            self.next();
            if !self.take(&Token::Open) {
                return Err(self.unexpected("\"(\" after not"));
            }
            let inner = self.nested(&Token::Close, "\")\"")?;
            return Ok(Filter::Not(Box::new(inner)));
        }
        let Some(path) = AttrPath::read(word) else {
            return Err(self.unexpected("an attribute such as userName or name.familyName"));
        };
        self.next();
        if self.take(&Token::OpenBracket) {
            return self.value_path(path);
        }
        self.comparison(path)
    }

    fn nested(&mut self, close: &Token<'_>, shown: &str) -> Result<Filter, ScimError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ScimError::invalid_filter(format!(
                "The filter is nested deeper than {MAX_DEPTH} brackets."
            )));
        }
        let inner = self.any()?;
        self.depth -= 1;
        if self.take(close) {
            Ok(inner)
        } else {
            Err(self.unexpected(&format!("\"and\", \"or\" or {shown}")))
        }
    }

    fn value_path(&mut self, path: AttrPath) -> Result<Filter, ScimError> {
        if self.in_value_path {
            return Err(ScimError::invalid_filter("A filter in [ ] cannot have another [ ] inside."));
        }
        self.in_value_path = true;
        let filter = self.nested(&Token::CloseBracket, "\"]\"")?;
        self.in_value_path = false;
        match self.peek() {
            Some(Token::Word(word)) if word.starts_with('.') => self.sub_of_value_path(path, filter),
            _ => Ok(Filter::ValuePath { path, filter: Box::new(filter) }),
        }
    }

    /// `emails[type eq "work"].value eq "x"`, as Entra writes it: not in the grammar, but it can
    /// only mean `emails[type eq "work" and value eq "x"]`.
    fn sub_of_value_path(&mut self, path: AttrPath, filter: Filter) -> Result<Filter, ScimError> {
        let sub = match self.peek() {
            Some(Token::Word(word)) => word.strip_prefix('.').and_then(AttrPath::read),
            _ => None,
        };
        let Some(sub) = sub.filter(|_| self.dialect.has(Rule::FilteredSubAttribute)) else {
            return Err(self.unexpected(
                "nothing more of the attribute (put the comparison into the brackets: \
                 emails[type eq \"work\" and value eq \"…\"])",
            ));
        };
        self.next();
        let comparison = self.comparison(sub)?;
        let parts = match filter {
            Filter::And(mut parts) => {
                parts.push(comparison);
                parts
            }
            other => vec![other, comparison],
        };
        Ok(Filter::ValuePath { path, filter: Box::new(Filter::And(parts)) })
    }

    fn comparison(&mut self, path: AttrPath) -> Result<Filter, ScimError> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(ScimError::invalid_filter(format!(
                "The filter has more than {MAX_TERMS} comparisons. Ask in several requests."
            )));
        }
        let Some(Token::Word(word)) = self.peek() else {
            return Err(self.unexpected(OPERATORS));
        };
        if word.eq_ignore_ascii_case("pr") {
            self.next();
            return Ok(Filter::Present(path));
        }
        let mut operators = CompareOp::ALL.into_iter();
        let Some(op) = operators.find(|op| word.eq_ignore_ascii_case(op.as_str())) else {
            return Err(self.unexpected(OPERATORS));
        };
        self.next();
        self.spaced()?;
        let value = self.literal()?;
        Ok(Filter::Compare { path, op, value })
    }

    fn literal(&mut self) -> Result<Literal, ScimError> {
        let value = match self.peek() {
            Some(Token::Text(text)) => Literal::String(text.clone()),
            Some(Token::Word("true")) => Literal::Bool(true),
            Some(Token::Word("false")) => Literal::Bool(false),
            Some(Token::Word("null")) => Literal::Null,
            Some(Token::Word(word)) => match serde_json::from_str(word) {
                Ok(number) => Literal::Number(number),
                Err(_) if self.dialect.has(Rule::BareWordFilter) => Literal::String((*word).to_owned()),
                Err(_) => return Err(self.unexpected(VALUES)),
            },
            _ => return Err(self.unexpected(VALUES)),
        };
        self.next();
        Ok(value)
    }
}

fn one_or(mut parts: Vec<Filter>, many: fn(Vec<Filter>) -> Filter) -> Filter {
    match parts.pop() {
        Some(one) if parts.is_empty() => one,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => many(parts),
    }
}
