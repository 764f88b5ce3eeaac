//! Made-up people and groups, the same for the same number on every machine.

use serde_json::{Value, json};

const GIVEN: &str = "Aaliyah,Adam,Agnieszka,Aisha,Akira,Alejandro,Amélie,Anders,Anna,Benjamin,Björn,Camila,Carlos,Chidi,Chloé,\
    Daniel,Elena,Emma,Fatima,Felix,Giulia,Hannah,Hiroshi,Ines,Ivan,Jamal,Jürgen,Katarzyna,Kwame,Lars,Leila,\
    Lucía,Mateo,Mei,Mohammed,Nadia,Noah,Olga,Priya,Rafael,Robert,Sakura,Sofia,Søren,Thandiwe,Tomáš,Yusuf,Zoë";
const FAMILY: &str = "Abe,Adeyemi,Almeida,Andersson,Bauer,Bjensen,Brown,Castro,Chen,Cohen,Dubois,Eriksen,Fernández,Fischer,\
    Garcia,Gupta,Haddad,Hansen,Hernández,Ibrahim,Ivanova,Johnson,Kowalski,Kim,Larsson,Lopez,Mbeki,Meyer,\
    Müller,Nakamura,Nguyen,Novák,O'Brien,Okafor,Patel,Pérez,Rossi,Sato,Schmidt,Silva,Singh,Smith,Tail,Tanaka,\
    Virtanen,Wagner,Wang,Yilmaz";
const TITLES: &str = "Engineer,Senior Engineer,Accountant,Analyst,Designer,Nurse,Buyer,Recruiter,Consultant,Sales Manager,\
    Team Lead,Technician";
const DEPARTMENTS: &str = "Engineering,Finance,Human Resources,Legal,Logistics,Marketing,Operations,Purchasing,Research,Sales,\
    Security,Support";
/// Place, locale, time zone, country code of the telephone.
const PLACES: [(&str, &str, &str, &str); 10] = [
    ("Zürich", "de-CH", "Europe/Zurich", "41"),
    ("New York", "en-US", "America/New_York", "1"),
    ("London", "en-GB", "Europe/London", "44"),
    ("São Paulo", "pt-BR", "America/Sao_Paulo", "55"),
    ("Tokyo", "ja-JP", "Asia/Tokyo", "81"),
    ("Lagos", "en-NG", "Africa/Lagos", "234"),
    ("Paris", "fr-FR", "Europe/Paris", "33"),
    ("Mumbai", "en-IN", "Asia/Kolkata", "91"),
    ("Kraków", "pl-PL", "Europe/Warsaw", "48"),
    ("Sydney", "en-AU", "Australia/Sydney", "61"),
];
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The body of a POST that makes user `number`.
pub(super) fn user(number: i64) -> Value {
    let mut dice = Dice::new(number);
    let (given, family) = (dice.name(GIVEN), dice.name(FAMILY));
    let (place, locale, timezone, dial) = dice.place();
    let name = format!("{}.{}.{number}@example.com", ascii(given), ascii(family));
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "userName": name,
        "externalId": format!("00u{number:012x}"),
        "name": { "givenName": given, "familyName": family, "formatted": format!("{given} {family}") },
        "displayName": format!("{given} {family}"),
        "title": dice.name(TITLES),
        // One in fifty has left.
        "active": dice.roll(50) != 0,
        "emails": [{ "value": name, "type": "work", "primary": true }],
        "phoneNumbers": [{ "value": format!("+{dial} 555 {:07}", dice.roll(10_000_000)), "type": "work" }],
        "locale": locale,
        "preferredLanguage": locale,
        "timezone": timezone,
        ENTERPRISE: {
            "employeeNumber": format!("{number:07}"),
            "department": dice.name(DEPARTMENTS),
            "division": place,
            "organization": "Example",
            "costCenter": format!("{}", 1000 + dice.roll(9000)),
        },
    })
}

/// The body of a POST that makes group `number` with these members.
pub(super) fn group<'a>(number: i64, members: impl Iterator<Item = &'a String>) -> Value {
    let mut dice = Dice::new(number);
    let (department, (place, ..)) = (dice.name(DEPARTMENTS), dice.place());
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": format!("{department} {place} {number}"),
        "externalId": format!("00g{number:012x}"),
        "members": members.map(|id| json!({ "value": id })).collect::<Vec<_>>(),
    })
}

/// A number below `sides` that belongs to `number`.
pub(super) fn roll(number: i64, sides: usize) -> usize {
    Dice::new(number).roll(sides)
}

/// Splitmix64: well mixed, and the same everywhere. Nothing here is a secret.
struct Dice(u64);

impl Dice {
    fn new(seed: i64) -> Self {
        Self(seed.unsigned_abs())
    }

    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let sides = u64::try_from(sides).unwrap_or(u64::MAX).max(1);
        usize::try_from((mixed ^ (mixed >> 31)) % sides).unwrap_or_default()
    }

    fn name(&mut self, names: &'static str) -> &'static str {
        let count = names.split(',').count();
        names.split(',').nth(self.roll(count)).unwrap_or_default()
    }

    fn place(&mut self) -> (&'static str, &'static str, &'static str, &'static str) {
        PLACES.get(self.roll(PLACES.len())).copied().unwrap_or_default()
    }
}

/// As in an address: lower case, without marks.
fn ascii(name: &str) -> String {
    name.chars()
        .filter_map(|c| match c {
            'á' => Some('a'),
            'é' | 'ë' => Some('e'),
            'í' => Some('i'),
            'ö' | 'ø' => Some('o'),
            'ü' => Some('u'),
            'š' => Some('s'),
            c => c.is_ascii_alphabetic().then(|| c.to_ascii_lowercase()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_always_the_same_person() {
        assert_eq!(user(7), user(7));
        assert_ne!(user(7), user(8));
        for number in 1..2000 {
            let name = user(number).get("userName").and_then(Value::as_str).map(str::to_owned);
            let expected = format!(".{number}@example.com");
            assert!(name.is_some_and(|name| name.is_ascii() && name.ends_with(&expected)));
        }
    }
}
