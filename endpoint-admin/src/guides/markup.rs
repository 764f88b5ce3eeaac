//! The marks in the texts of guides: `**a name in the provider's console**` and `` `what is typed` ``.

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Run {
    /// As it is.
    Plain(String),
    /// A name in the provider's console.
    Name(String),
    /// What is typed or shown as it is.
    Code(String),
}

/// The pieces of a text. A mark without its other half is plain.
pub(super) fn runs(text: &str) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut rest = text;
    while let Some((at, mark)) = first_mark(rest) {
        let (before, marked) = rest.split_at(at);
        let inside = marked.strip_prefix(mark).unwrap_or(marked);
        let Some((inside, after)) = inside.split_once(mark) else { break };
        if !before.is_empty() {
            runs.push(Run::Plain(before.to_owned()));
        }
        runs.push(if mark == "`" { Run::Code(inside.to_owned()) } else { Run::Name(inside.to_owned()) });
        rest = after;
    }
    if !rest.is_empty() {
        runs.push(Run::Plain(rest.to_owned()));
    }
    runs
}

fn first_mark(text: &str) -> Option<(usize, &'static str)> {
    ["**", "`"].into_iter().filter_map(|mark| Some((text.find(mark)?, mark))).min()
}

#[cfg(test)]
mod tests {
    use super::{Run, runs};

    #[test]
    fn names_and_code_are_told_from_the_rest() {
        let plain = |text: &str| Run::Plain(text.to_owned());
        assert_eq!(
            runs("Press **Save**, type `a*b` and go"),
            [
                plain("Press "),
                Run::Name("Save".into()),
                plain(", type "),
                Run::Code("a*b".into()),
                plain(" and go")
            ]
        );
        assert_eq!(runs("half **open"), [plain("half **open")]);
        assert!(runs("").is_empty());
    }
}
