/// One option of a check that upstream documents, and how this agent takes it.
package struct CheckOption: Sendable {
    /// How an option is taken.
    package enum Treatment: Hashable, Sendable {
        /// It means what upstream's documentation says.
        case followed
        /// It changes nothing here: it is about what upstream collects, tags or logs.
        case harmless
        /// It would change a verdict and is not followed. It is an error, unless it asks for nothing: null, an empty
        /// text, list or object, or one of these, in any case of letters.
        case refused(unless: [String])
    }

    /// Where an option is set.
    package enum Place: String, Hashable, Sendable {
        case instance
        case initConfig = "init_config"
        /// In either; the instance's counts.
        case both = "instance, init_config"
    }

    /// Its key.
    package let key: String
    /// How it is taken.
    package let treatment: Treatment
    /// Where it may be set.
    package let place: Place
    /// What differs from upstream, or what else one should know; may be empty.
    package let note: String

    /// An option that is followed.
    static func followed(_ key: String, _ place: Place = .instance, _ note: String = "") -> CheckOption {
        CheckOption(key: key, treatment: .followed, place: place, note: note)
    }

    /// Options that change nothing here.
    static func harmless(_ keys: String..., in place: Place = .instance, _ note: String = "") -> [CheckOption] {
        keys.map { CheckOption(key: $0, treatment: .harmless, place: place, note: note) }
    }

    /// Options that are refused, unless they ask for nothing or have one of these values.
    static func refused(
        _ keys: String..., unless values: [String] = [], in place: Place = .instance, _ note: String = ""
    ) -> [CheckOption] {
        keys.map { CheckOption(key: $0, treatment: .refused(unless: values), place: place, note: note) }
    }
}

/// Why an instance cannot be run: one line that names the option, and quotes no value.
package struct CheckOptionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Who has to change something.
    package enum Kind: Hashable, Sendable {
        /// The author of the config: an option is missing or wrong.
        case invalid
        /// Nobody has made a mistake: upstream runs this check or follows this option, and this agent does not.
        case unsupported
    }

    /// Who has to change something.
    package let kind: Kind
    /// What is wrong.
    package let description: String

    /// An error with a reason.
    package init(_ description: String, _ kind: Kind = .invalid) {
        self.kind = kind
        self.description = description
    }
}
