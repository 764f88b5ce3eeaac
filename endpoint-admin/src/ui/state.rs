//! A state is a word, an icon and a colour; never a colour alone.

use std::fmt;

use askama::filters::HtmlSafe;

use super::icon;

/// What a state means to the reader, and so its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it should be.
    Ok,
    /// Needs a look.
    Warn,
    /// Broken or closed.
    Bad,
    /// Neither.
    Calm,
}

impl Tone {
    /// The class of the style sheet.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Calm => "calm",
        }
    }
}

/// A state as the pages show it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    word: &'static str,
    icon: &'static str,
    tone: Tone,
}

impl State {
    /// The state with this word; `icon` is a name that [`icon`] knows.
    pub(crate) const fn new(word: &'static str, icon: &'static str, tone: Tone) -> Self {
        Self { word, icon, tone }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (class, picture, word) = (self.tone.class(), icon(self.icon), self.word);
        write!(f, r#"<span class="state {class}">{picture}{word}</span>"#)
    }
}

impl HtmlSafe for State {}
