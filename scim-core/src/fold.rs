//! The one case folding.
//!
//! Everything that is compared "without case" (RFC 7643 §2.2, `caseExact` false) is compared by
//! the result of [`fold`], in memory and in the database's key columns alike; nobody calls
//! `to_lowercase` for that purpose and no database folds anything by its own rules.

/// Unicode default case folding: `STRASSE`, `Straße` and `straße` give the same key.
///
/// The mapping is character by character (lower, upper, lower), so the fold of a beginning is
/// the beginning of the fold, as `sw` needs it. The Turkish dotless `ı` stays itself, as in
/// Unicode's own table. Normalisation is not part of it: `é` and `e` + accent stay different. Keys that
/// are kept stay valid when the tables grow with a new compiler: characters that are known do not
/// change their folding.
#[must_use]
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut folded = String::with_capacity(text.len());
    for c in text.chars() {
        if c == 'ı' {
            folded.push(c);
        } else {
            let upper = c.to_lowercase().flat_map(char::to_uppercase);
            folded.extend(upper.flat_map(char::to_lowercase));
        }
    }
    folded
}
