//! Which role may do what: one table for the console and the management API.

use super::Role;

/// A kind of thing that somebody does. Both route tables name one for each of their lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Looks at endpoints, directories, evidence, tokens without their secrets, and the audit log.
    See,
    /// Manages what is one's own: password, second factor, sessions, API keys.
    Own,
    /// Makes, changes and deletes endpoints, tokens, schemas, directories and links for guests.
    Work,
    /// Looks at the server itself: version, database, limits, work in the background.
    System,
    /// Looks at operators, and makes, changes, disables and resets those who are no owners.
    People,
    /// The same with owners.
    Owners,
}

impl Act {
    /// The table: the least role that may, and what it is in words. Each role may all that the ones before it may.
    pub const TABLE: [(Self, Role, &'static str); 6] = [
        (Self::See, Role::Auditor, "reads everything"),
        (Self::Own, Role::Auditor, "manages the own account"),
        (Self::Work, Role::Operator, "manages endpoints, tokens and directories"),
        (Self::System, Role::Admin, "sees how the server itself is doing"),
        (Self::People, Role::Admin, "manages operators, except owners"),
        (Self::Owners, Role::Owner, "manages owners"),
    ];

    /// The least role that may.
    pub fn least(self) -> Role {
        // An act that the table forgot is for owners only.
        Self::TABLE.iter().find(|(act, ..)| *act == self).map_or(Role::Owner, |(_, least, _)| *least)
    }

    /// What managing an operator of this role is.
    pub fn managing(role: Role) -> Self {
        if role == Role::Owner { Self::Owners } else { Self::People }
    }
}

impl Role {
    /// Whether the role may do this.
    pub fn may(self, act: Act) -> bool {
        self >= act.least()
    }

    /// Whether the role may change anything but what is its own.
    pub fn may_write(self) -> bool {
        self.may(Act::Work)
    }

    /// Whether the role may make, change or disable an operator of another one.
    pub fn may_manage(self, other: Self) -> bool {
        self.may(Act::managing(other))
    }
}

#[cfg(test)]
mod tests {
    use super::{Act, Role};

    #[test]
    fn every_act_stands_in_the_table_once() {
        for act in [Act::See, Act::Own, Act::Work, Act::System, Act::People, Act::Owners] {
            assert_eq!(Act::TABLE.iter().filter(|(known, ..)| *known == act).count(), 1, "{act:?}");
        }
    }

    #[test]
    fn roles_are_told_apart() {
        let may = |role: Role| Act::TABLE.map(|(act, ..)| role.may(act));
        assert_eq!(may(Role::Auditor), [true, true, false, false, false, false]);
        assert_eq!(may(Role::Operator), [true, true, true, false, false, false]);
        assert_eq!(may(Role::Admin), [true, true, true, true, true, false]);
        assert_eq!(may(Role::Owner), [true; 6]);
        assert!(Role::Admin.may_manage(Role::Admin) && !Role::Admin.may_manage(Role::Owner));
        assert!(!Role::Operator.may_manage(Role::Auditor));
    }
}
