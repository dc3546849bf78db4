package replicator

// Code names a kind of fault. The failure handbook has a section of this name with its meaning and its cure, so codes don't change.
type Code string

// The codes.
const (
	CodeURI         Code = "uri"            // the source's address can't be read
	CodeUnreachable Code = "unreachable"    // no connection
	CodeTLS         Code = "tls"            // no connection that both ends trust
	CodeLogin       Code = "login"          // wrong user or password, or pg_hba.conf
	CodeDatabase    Code = "database"       // there is none of that name
	CodeConnections Code = "connections"    // the server has none left
	CodeConnection  Code = "connection"     // refused for another reason
	CodeVersion     Code = "server-version" // too old
	CodeWALLevel    Code = "wal-level"
	CodeReplication Code = "replication-privilege"
	CodeStandby     Code = "standby"

	CodePublicationMissing    Code = "publication-missing"
	CodePublicationRoot       Code = "publication-root"
	CodePublicationOperations Code = "publication-operations"
	CodePublicationColumns    Code = "publication-columns"
	CodePublicationEmpty      Code = "publication-empty"
	CodeNotPublished          Code = "not-published"
	CodeNotOwner              Code = "not-owner" // of a teardown only

	CodeSlots       Code = "slots" // the server has none left
	CodeSlotForeign Code = "slot-foreign"
	CodeSlotInUse   Code = "slot-in-use"
	CodeHistoryLost Code = "history-lost"
	CodeSlotBudget  Code = "slot-budget" // a warning

	CodeTableMissing    Code = "table-missing"
	CodePartition       Code = "partition"
	CodeTableKind       Code = "table-kind"
	CodePersistence     Code = "persistence"
	CodeTablePrivilege  Code = "table-privilege"
	CodeSchemaPrivilege Code = "schema-privilege"
	CodeRowSecurity     Code = "row-security"
	CodeReplicaIdentity Code = "replica-identity"

	// Of an examination only.
	CodeSlotLost        Code = "slot-lost"
	CodeWALUnlimited    Code = "wal-unlimited"
	CodeTransactions    Code = "old-transactions"
	CodeClock           Code = "clock"
	CodeStandbyFeedback Code = "standby-feedback"

	CodeOther Code = "other" // an error that Postgres gave, as it is
)

// Codes lists all codes.
func Codes() []Code {
	return []Code{
		CodeURI, CodeUnreachable, CodeTLS, CodeLogin, CodeDatabase, CodeConnections, CodeConnection, CodeVersion, CodeWALLevel,
		CodeReplication, CodeStandby,
		CodePublicationMissing, CodePublicationRoot, CodePublicationOperations, CodePublicationColumns, CodePublicationEmpty, CodeNotPublished,
		CodeNotOwner,
		CodeSlots, CodeSlotForeign, CodeSlotInUse, CodeHistoryLost,
		CodeTableMissing, CodePartition, CodeTableKind, CodePersistence, CodeTablePrivilege, CodeSchemaPrivilege, CodeRowSecurity,
		CodeReplicaIdentity,
		CodeSlotLost, CodeSlotBudget, CodeWALUnlimited, CodeTransactions, CodeClock,
		CodeStandbyFeedback,
		CodeOther,
	}
}
