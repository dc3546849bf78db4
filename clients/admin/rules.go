package admin

import "context"

// Rules is what the routes about sync rules ask for. An error that is a *reply.Error is the client's to see.
type Rules interface {
	// Plan says what a deploy of the text would do. It reads catalogs, and changes nothing.
	Plan(ctx context.Context, text string) (*Plan, error)
	// Deploy makes the text the next version. A text that can't be deployed is recorded as a failed version.
	Deploy(ctx context.Context, text, message string) (*Deployment, error)
	// Progress says how far a version is.
	Progress(v Version) *Progress
}

// Plan is what a deploy of a text would do.
type Plan struct {
	Valid       bool             `json:"valid"`            // the text can be deployed
	Reason      string           `json:"reason,omitempty"` // why not
	Diagnostics []Diagnostic     `json:"diagnostics"`
	Version     uint32           `json:"version,omitempty"` // the active one, which it is compared with
	SameMeaning bool             `json:"same_meaning"`      // a deploy changes nothing
	Definitions []DefinitionPlan `json:"definitions"`
	Tables      []TablePlan      `json:"tables"`  // that would be read
	Rows        int64            `json:"rows"`    // of them, estimated
	Bytes       int64            `json:"bytes"`   // of them, estimated
	Buckets     int64            `json:"buckets"` // that clients lose, or get again under new names
	Ops         int64            `json:"ops"`     // of those
	Clients     ClientsPlan      `json:"clients"`
	Rate        float64          `json:"rows_per_second,omitempty"` // as last measured
	Seconds     float64          `json:"seconds,omitempty"`         // to read the rows at that rate
}

// DefinitionPlan is what becomes of a definition.
type DefinitionPlan struct {
	Name    string   `json:"name"`
	Change  string   `json:"change"`  // unchanged, added, changed, removed
	Stored  bool     `json:"stored"`  // all of it is in the store: nothing is read for it
	Buckets int64    `json:"buckets"` // that the active version has
	Ops     int64    `json:"ops"`     // of those
	Tables  []string `json:"tables"`  // that it reads
}

// TablePlan is a table that would be read. Its size is the catalog's estimate.
type TablePlan struct {
	Source      string   `json:"source"`
	Schema      string   `json:"schema"`
	Name        string   `json:"name"`
	Rows        *int64   `json:"rows"` // null: the table was never analyzed
	Bytes       int64    `json:"bytes"`
	Stored      bool     `json:"stored"`      // the store has its rows whole: nothing is read of it
	Definitions []string `json:"definitions"` // that need it
}

// ClientsPlan counts clients.
type ClientsPlan struct {
	Connected int `json:"connected"`
	Concerned int `json:"concerned"` // may get or lose rows
}

// Diagnostic is one thing that is wrong or odd. What concerns a database as a whole has no place in the text.
type Diagnostic struct {
	Severity   string `json:"severity"` // error, warning, notice
	Message    string `json:"message"`
	Hint       string `json:"hint,omitempty"`
	Definition string `json:"definition,omitempty"`
	Source     string `json:"source,omitempty"`
	Line       int    `json:"line,omitempty"` // from 1
	Column     int    `json:"column,omitempty"`
	EndLine    int    `json:"end_line,omitempty"`
	EndColumn  int    `json:"end_column,omitempty"`
	Start      int    `json:"start_offset,omitempty"` // bytes
	End        int    `json:"end_offset,omitempty"`
}

// Deployment is the result of a deploy.
type Deployment struct {
	Version     Version      `json:"version"`
	SameMeaning bool         `json:"same_meaning"` // nothing changed: Version was there
	Diagnostics []Diagnostic `json:"diagnostics"`
}

// Progress says how far a version is.
type Progress struct {
	Version   Version         `json:"version"`
	Tables    []TableProgress `json:"tables"` // that are read for it
	Rows      int64           `json:"rows"`
	Estimated int64           `json:"estimated_rows"`
	Rate      float64         `json:"rows_per_second,omitempty"`
	Seconds   float64         `json:"seconds_left,omitempty"`
	Waiting   []string        `json:"waiting"` // what holds it up
}

// TableProgress is how far a table is.
type TableProgress struct {
	Source    string `json:"source"`
	Schema    string `json:"schema"`
	Name      string `json:"name"`
	Phase     string `json:"phase"` // waiting, reading, copying, settling, done
	Rows      int64  `json:"rows"`
	Estimated int64  `json:"estimated_rows"` // 0: unknown
	Waiting   string `json:"waiting,omitempty"`
}
