//! Named tolerances. Each deviation of a real identity provider that we accept is a [`Rule`];
//! a [`Dialect`] is the set of rules in force for one endpoint.

use std::fmt;

macro_rules! rules {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal $what:literal;)+) => {
        /// One tolerance. [`Rule::describe`] says it in a sentence.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule { $($(#[doc = $doc])+ $variant,)+ }

        impl Rule {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in settings and reports, in kebab-case.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What is tolerated, in one sentence.
            #[must_use]
            pub const fn describe(self) -> &'static str {
                match self { $(Self::$variant => $what,)+ }
            }
        }
    };
}

rules! {
    /// PATCH `op` in any case.
    OpAnyCase "op-any-case" "PATCH operations may be written Add, Replace, Remove in any case.";
    /// `"True"` for `true`.
    BooleanText "boolean-text" "The texts \"true\" and \"false\" in any case stand for booleans.";
    /// `["x"]` or `{"value": "x"}` for `"x"`.
    SingleAsList "single-as-list" "A single value may come as a list of one, or as an object {\"value\": …}.";
    /// Keys that are attribute paths.
    DottedKeys "dotted-keys" "Keys of an object may be attribute paths such as name.givenName or urn:…:User:department.";
    /// Filtered `replace` creates.
    CreateFilteredTarget "create-filtered-target" "A PATCH replace whose filter selects nothing creates the element instead of failing.";
    /// `remove` with the values to go.
    RemoveByValueList "remove-by-value-list" "A PATCH remove with a list of values removes just these.";
    /// SCIM 1.1 group PATCH.
    OneOneGroupPatch "scim-1-1-group-patch" "A PATCH in the SCIM 1.1 form, with members and operation \"delete\" instead of Operations, is understood.";
    /// Old and private schema URNs.
    PrivateUrns "private-urns" "Old and vendor-private schema URNs are understood or ignored instead of refused.";
    /// `schemas` left out.
    MissingSchemas "missing-schemas" "A body may leave out schemas.";
    /// An object where a list belongs.
    ObjectForList "object-for-list" "A multi-valued attribute may come as a single object, and its elements as plain texts.";
    /// Empty text is no value.
    NullIsUnset "empty-is-unset" "An empty or blank text counts as no value.";
    /// The forms of `manager`.
    ManagerForms "manager-forms" "A reference such as manager may come as a plain id, as {\"value\"} or as {\"managerId\"}.";
    /// Several primaries.
    OnePrimary "one-primary" "Of several elements marked primary one is kept as such, instead of refusing the request.";
    /// Unquoted filter values.
    BareWordFilter "bare-word-filter" "A value in a filter may stand without quotes.";
    /// `emails[type eq "work"].value eq "x"`.
    FilteredSubAttribute "filtered-sub-attribute" "A filter may compare a part behind brackets, as in emails[type eq \"work\"].value eq \"x\".";
    /// readOnly in PATCH.
    DropReadOnlyInPatch "drop-read-only-in-patch" "Read-only attributes in a PATCH are left out instead of refused.";
    /// Unknown path in PATCH.
    DropUnknownPatchPath "drop-unknown-patch-path" "A PATCH operation on an unknown attribute is left out instead of refused.";
}

impl Rule {
    /// The rule of this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|rule| rule.name() == name)
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of [`Rule`]s.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Dialect(u32);

impl Dialect {
    /// Every tolerance there is.
    #[must_use]
    pub const fn all() -> Self {
        Self((1 << Rule::ALL.len()) - 1)
    }

    /// None: the letter of the RFCs.
    #[must_use]
    pub const fn strict() -> Self {
        Self(0)
    }

    /// What is safe with any client. Left out are the rules that answer a probable mistake with
    /// success; they are on for the providers that need them ([`Dialect::for_idp_name`]).
    #[must_use]
    pub const fn generic() -> Self {
        Self::all()
            .without(Rule::BareWordFilter)
            .without(Rule::FilteredSubAttribute)
            .without(Rule::CreateFilteredTarget)
            .without(Rule::DropReadOnlyInPatch)
            .without(Rule::DropUnknownPatchPath)
    }

    /// The dialect of a known identity provider (`"entra"`, `"okta"`, …); [`Dialect::generic`]
    /// for any other name.
    #[must_use]
    pub fn for_idp_name(name: &str) -> Self {
        let generic = Self::generic();
        match name {
            "entra" => generic
                .with(Rule::BareWordFilter)
                .with(Rule::FilteredSubAttribute)
                .with(Rule::CreateFilteredTarget),
            // They send whole resources, with their id and more, where a PATCH needs only what
            // changes.
            "onelogin" | "jumpcloud" | "google" | "rippling" => generic.with(Rule::DropReadOnlyInPatch),
            // Their filters are set by an administrator, or look for a mail address of one type.
            "okta" | "sailpoint" => generic.with(Rule::DropReadOnlyInPatch).with(Rule::FilteredSubAttribute),
            "ping" => generic
                .with(Rule::BareWordFilter)
                .with(Rule::FilteredSubAttribute)
                .with(Rule::DropReadOnlyInPatch),
            "authentik" => generic.with(Rule::BareWordFilter).with(Rule::DropReadOnlyInPatch),
            _ => generic,
        }
    }

    /// Whether the rule is in force.
    #[must_use]
    pub const fn has(self, rule: Rule) -> bool {
        self.0 & rule.bit() != 0
    }

    /// This set and the rule.
    #[must_use]
    pub const fn with(self, rule: Rule) -> Self {
        Self(self.0 | rule.bit())
    }

    /// This set but for the rule.
    #[must_use]
    pub const fn without(self, rule: Rule) -> Self {
        Self(self.0 & !rule.bit())
    }

    /// The rules in force.
    pub fn rules(self) -> impl Iterator<Item = Rule> {
        Rule::ALL.iter().copied().filter(move |rule| self.has(*rule))
    }
}

impl fmt::Debug for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.rules()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Dialect, Rule};

    const ALL: [&str; 10] = [
        "onelogin",
        "okta",
        "entra",
        "jumpcloud",
        "google",
        "ping",
        "sailpoint",
        "rippling",
        "authentik",
        "generic",
    ];

    /// What providers are known to send, from their documentation, logs and sources.
    #[test]
    fn presets_grant_what_their_providers_are_known_to_send() {
        let known: [(Rule, &[&str]); 16] = [
            (Rule::OpAnyCase, &["entra"]),
            (Rule::BooleanText, &["entra", "onelogin"]),
            (Rule::SingleAsList, &["entra", "okta"]),
            (Rule::DottedKeys, &["entra"]),
            (Rule::CreateFilteredTarget, &["entra"]),
            (Rule::RemoveByValueList, &["entra", "jumpcloud", "authentik"]),
            (Rule::OneOneGroupPatch, &["onelogin"]),
            (Rule::PrivateUrns, &["onelogin", "entra", "okta"]),
            (Rule::MissingSchemas, &["authentik", "entra"]),
            (Rule::ObjectForList, &["onelogin"]),
            (Rule::NullIsUnset, &["onelogin", "entra"]),
            (Rule::ManagerForms, &["onelogin", "entra"]),
            (Rule::OnePrimary, &["ping"]),
            (Rule::BareWordFilter, &["entra", "authentik", "ping"]),
            (Rule::FilteredSubAttribute, &["entra", "okta", "ping", "sailpoint"]),
            (Rule::DropReadOnlyInPatch, &["okta", "authentik"]),
        ];
        for (rule, providers) in known {
            for name in providers {
                assert!(Dialect::for_idp_name(name).has(rule), "{name} sends what {rule} tolerates");
            }
        }
    }

    /// What answers a probable mistake with success is on only where it is needed.
    #[test]
    fn what_hides_mistakes_is_granted_to_those_who_need_it_alone() {
        let granted = |rule: Rule| -> Vec<&str> {
            ALL.into_iter().filter(|name| Dialect::for_idp_name(name).has(rule)).collect()
        };
        assert_eq!(granted(Rule::CreateFilteredTarget), ["entra"]);
        assert_eq!(granted(Rule::BareWordFilter), ["entra", "ping", "authentik"]);
        assert_eq!(granted(Rule::FilteredSubAttribute), ["okta", "entra", "ping", "sailpoint"]);
        assert!(granted(Rule::DropUnknownPatchPath).is_empty());
        assert_eq!(Dialect::for_idp_name("generic"), Dialect::generic());
    }
}
