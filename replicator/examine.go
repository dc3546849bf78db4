package replicator

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/weirsync/weir/syncrules"
)

// Examination is what there is to say of a source before weir replicates from it, or while it does.
type Examination struct {
	Survey   *Survey  // nil: the server could not be asked
	Faults   Faults   // have to be mended
	Warnings Faults   // it works, but may not for long
	Facts    []string // what is in order
}

// Examine connects, looks at everything that replication needs, and changes nothing. patterns are the tables that the rules name. It
// finds as much as it can: a fault hides others only where they can't be looked for.
func Examine(ctx context.Context, c Config, patterns []syncrules.TablePattern) *Examination {
	e := &Examination{}
	if err := e.examine(ctx, &c, patterns); err != nil {
		e.Faults = append(e.Faults, faultsOf(err)...)
	}
	return e
}

func (e *Examination) examine(ctx context.Context, c *Config, patterns []syncrules.TablePattern) (err error) {
	if e.Survey, err = ReadSurvey(ctx, *c, patterns); err != nil {
		return err
	}
	e.Faults = append(e.Faults, e.Survey.Faults...)
	if e.Survey.Schema == nil {
		return nil // too old
	}
	e.tables(c, patterns)
	if err := e.stream(ctx, c); err != nil {
		e.Faults = append(e.Faults, faultsOf(err)...)
	}
	return withSession(ctx, *c, c.control(), func(primary *pgx.Conn) error {
		if err := e.reading(ctx, c, primary); err != nil {
			return err
		}
		return e.clock(ctx, primary)
	})
}

// reading looks at the server that has the slot, which is the primary unless a standby is read.
func (e *Examination) reading(ctx context.Context, c *Config, primary querier) error {
	if !c.viaStandby() {
		return e.slot(ctx, primary, primary, c.Slot)
	}
	return withSession(ctx, *c, c.URI, func(conn *pgx.Conn) error {
		if err := e.standby(ctx, conn); err != nil {
			return err
		}
		return e.slot(ctx, conn, primary, c.Slot)
	})
}

func (e *Examination) has(code Code) bool {
	return slices.ContainsFunc(e.Faults, func(f *Fault) bool { return f.Code == code })
}

func (e *Examination) fault(f *Fault) { e.Faults = append(e.Faults, f) }
func (e *Examination) warn(f *Fault)  { e.Warnings = append(e.Warnings, f) }

func (e *Examination) fact(format string, args ...any) {
	e.Facts = append(e.Facts, fmt.Sprintf(format, args...))
}

func (e *Examination) tables(c *Config, patterns []syncrules.TablePattern) {
	seen := map[string]bool{}
	usable := 0
	for _, p := range patterns {
		faults := e.Survey.TableFaults(p)
		if len(faults) == 0 {
			usable += len(e.Survey.Tables(p))
		}
		for _, f := range faults {
			if !seen[f.Message] {
				seen[f.Message] = true
				e.fault(f)
			}
		}
	}
	switch {
	case len(patterns) == 0:
	case usable == 0:
		e.fault(emptyPublication(c.Publication))
	default:
		e.fact("%d tables can be replicated", usable)
	}
}

// stream opens a session like that of the stream: pg_hba.conf and the limits on walsenders can be against it alone.
func (e *Examination) stream(ctx context.Context, c *Config) error {
	if e.has(CodeReplication) {
		return nil // known
	}
	conn, err := c.connectReplication(ctx, nil)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing was changed
	id, err := identify(ctx, conn, 0)
	if err != nil {
		return err
	}
	if c.viaStandby() && !e.has(CodeStandby) {
		err = withSession(ctx, *c, c.PrimaryURI, func(primary *pgx.Conn) error {
			_, err := besidePrimary(ctx, primary, id)
			return err
		})
		if err != nil {
			return err
		}
	}
	e.fact("reached as %s, which may replicate (system %s, timeline %d)", e.Survey.user, id.systemID, id.timeline)
	return nil
}

const slotRoomQuery = `
SELECT (SELECT count(*) FROM pg_replication_slots), current_setting('max_replication_slots')::int,
       (SELECT setting::bigint FROM pg_settings WHERE name = 'max_slot_wal_keep_size')`

// slot looks at the slot, or at whether there is room for it.
func (e *Examination) slot(ctx context.Context, q, primary querier, name string) error {
	sl, err := readSlot(ctx, q, name)
	if err != nil {
		return err
	}
	var used, most, budget int64
	if err := q.QueryRow(ctx, slotRoomQuery).Scan(&used, &most, &budget); err != nil {
		return fmt.Errorf("read slots: %w", err)
	}
	if budget < 0 {
		e.warn(unlimitedWAL(name))
	}
	switch {
	case sl.exists:
		return e.existingSlot(ctx, q, name, sl)
	case used >= most:
		e.fault(noSlotLeft())
	default:
		e.fact("slot %s will be made", name)
	}
	return e.openTransactions(ctx, primary)
}

// standby looks at what is read in place of its primary.
func (e *Examination) standby(ctx context.Context, q querier) error {
	sv, err := inspectServer(ctx, q)
	if err != nil {
		return err
	}
	for _, f := range sv.standbyFaults() {
		if f.Code != CodeReplication || !e.has(CodeReplication) { // the stream's session may have met it
			e.fault(f)
		}
	}
	var feedback bool
	if err := q.QueryRow(ctx, "SELECT current_setting('hot_standby_feedback')::bool").Scan(&feedback); err != nil {
		return fmt.Errorf("read hot_standby_feedback: %w", err)
	}
	if sv.standby && !feedback {
		e.warn(&Fault{
			Code:    CodeStandbyFeedback,
			Message: "the standby does not tell its primary which rows it needs, so its slot can be invalidated, and all tables have to be read again",
			Hint: "at the standby: ALTER SYSTEM SET hot_standby_feedback = on; SELECT pg_reload_conf(); and let it reach its primary through " +
				"a physical slot (primary_slot_name)",
		})
	}
	return nil
}

func (e *Examination) existingSlot(ctx context.Context, q querier, name string, sl slot) error {
	var database string
	if err := q.QueryRow(ctx, "SELECT current_database()").Scan(&database); err != nil {
		return fmt.Errorf("read database: %w", err)
	}
	switch {
	case sl.plugin != "pgoutput" || sl.database != database:
		e.fault(slotForeign(name, sl))
	case sl.lost != "":
		e.fault(&Fault{
			Code:    CodeSlotLost,
			Message: fmt.Sprintf("slot %s was invalidated: %s", name, sl.lost),
			Hint: "weir makes it again and reads all tables, if on_slot_loss says so; so that it lasts: " +
				"ALTER SYSTEM SET max_slot_wal_keep_size = '50GB'; SELECT pg_reload_conf()",
		})
	case sl.wal.passed() > 0:
		e.warn(sl.wal.warning(name))
	case sl.active != 0:
		e.fact("slot %s is read by pid %d", name, sl.active)
	default:
		e.fact("slot %s is there and waits for its reader", name)
	}
	return nil
}

// openTransactions warns of what the making of a slot would wait for.
func (e *Examination) openTransactions(ctx context.Context, q querier) error {
	var old int
	err := q.QueryRow(ctx, "SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND xact_start < now() - interval '1 minute')"+
		" + (SELECT count(*) FROM pg_prepared_xacts WHERE prepared < now() - interval '1 minute')").Scan(&old)
	if err != nil {
		return fmt.Errorf("read transactions: %w", err)
	}
	if old > 0 {
		e.warn(&Fault{
			Code:    CodeTransactions,
			Message: fmt.Sprintf("%d transactions are open for more than a minute, and the making of the slot waits for them: %s", old, describeHolders(ctx, q, 0)),
			Hint:    "end them: SELECT pg_terminate_backend(pid), or for prepared ones ROLLBACK PREPARED 'gid'",
		})
	}
	return nil
}

// clockDrift is what two machines that keep their time may be apart.
const clockDrift = 5 * time.Second

// clock compares the server's clock with ours: tokens expire by ours, and lag in seconds is between the two.
func (e *Examination) clock(ctx context.Context, q querier) error {
	var theirs time.Time
	asked := time.Now()
	if err := q.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&theirs); err != nil {
		return fmt.Errorf("read clock: %w", err)
	}
	ours := asked.Add(time.Since(asked) / 2)
	drift := theirs.Sub(ours).Abs()
	if drift <= clockDrift {
		e.fact("its clock agrees with the one here")
		return nil
	}
	e.warn(&Fault{
		Code:    CodeClock,
		Message: fmt.Sprintf("the server's clock and the one here are %s apart, so lag in seconds is wrong, and tokens may expire too early or too late", drift.Round(time.Second)),
		Hint:    "run an NTP client on both machines",
	})
	return nil
}

func unlimitedWAL(name string) *Fault {
	return &Fault{
		Code:    CodeWALUnlimited,
		Message: fmt.Sprintf("nothing limits the WAL that slot %s keeps while weir is away: it can fill the server's disk", name),
		Hint:    "ALTER SYSTEM SET max_slot_wal_keep_size = '50GB'; SELECT pg_reload_conf()",
	}
}
