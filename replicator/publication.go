package replicator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// publication is what pg_publication has.
type publication struct {
	oid    uint32 // 0: it does not exist
	all    bool   // FOR ALL TABLES
	viaTop bool   // publish_via_partition_root
	lacks  []string
}

const publicationQuery = `
SELECT oid, puballtables, pubviaroot, array_remove(ARRAY[CASE WHEN NOT pubinsert THEN 'insert' END, CASE WHEN NOT pubupdate THEN 'update' END,
       CASE WHEN NOT pubdelete THEN 'delete' END, CASE WHEN NOT pubtruncate THEN 'truncate' END], NULL)
FROM pg_publication WHERE pubname = $1`

func readPublication(ctx context.Context, q querier, name string) (publication, error) {
	var p publication
	err := q.QueryRow(ctx, publicationQuery, name).Scan(&p.oid, &p.all, &p.viaTop, &p.lacks)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return p, fmt.Errorf("read publication %q: %w", name, err)
	}
	return p, nil
}

// publishOptions: through the root Postgres does not send the TRUNCATE of a leaf, so leaves are published as themselves.
const publishOptions = "publish = 'insert, update, delete, truncate', publish_via_partition_root = false"

// faults reports settings under which changes would be missing from the stream without a word.
func (p *publication) faults(name string) (fs Faults) {
	if p.viaTop {
		fs = append(fs, &Fault{
			Code:    CodePublicationRoot,
			Message: fmt.Sprintf("publication %s publishes partitions through their root, so the TRUNCATE of a partition is not streamed", ident(name)),
			Hint:    fmt.Sprintf("ALTER PUBLICATION %s SET (publish_via_partition_root = false)", ident(name)),
		})
	}
	if len(p.lacks) > 0 {
		fs = append(fs, &Fault{
			Code:    CodePublicationOperations,
			Message: fmt.Sprintf("publication %s does not publish %s", ident(name), strings.Join(p.lacks, ", ")),
			Hint:    fmt.Sprintf("ALTER PUBLICATION %s SET (publish = 'insert, update, delete, truncate')", ident(name)),
		})
	}
	return fs
}

// createPublication makes an empty publication: tables are added one by one.
func createPublication(ctx context.Context, pool *pgxpool.Pool, name string, sv server, manual bool) error {
	if manual || !sv.creator {
		return noPublication(name, sv, manual)
	}
	_, err := pool.Exec(ctx, fmt.Sprintf("CREATE PUBLICATION %s WITH (%s)", ident(name), publishOptions))
	if err != nil && code(err) != "42710" { // someone was faster
		return fmt.Errorf("create publication %q: %w", name, err)
	}
	return nil
}

func noPublication(name string, sv server, manual bool) *Fault {
	create := fmt.Sprintf("as an owner of the tables: CREATE PUBLICATION %s FOR TABLE ... WITH (%s)", ident(name), publishOptions)
	if manual {
		return &Fault{
			Code:    CodePublicationMissing,
			Message: fmt.Sprintf("publication %s does not exist, and publication_management is manual", ident(name)),
			Hint:    create + "; weir source sql prints the whole statement",
		}
	}
	return &Fault{
		Code:    CodePublicationMissing,
		Message: fmt.Sprintf("publication %s does not exist and user %s may not create it", ident(name), sv.user),
		Hint:    fmt.Sprintf("GRANT CREATE ON DATABASE %s TO %s, or %s", ident(sv.database), ident(sv.user), create),
	}
}

func notPublished(name, schema, table string) *Fault {
	return &Fault{
		Code:    CodeNotPublished,
		Message: fmt.Sprintf("table %s is not in publication %s and its owner has to add it", ident(schema, table), ident(name)),
		Hint:    fmt.Sprintf("ALTER PUBLICATION %s ADD TABLE ONLY %s", ident(name), ident(schema, table)),
	}
}

func emptyPublication(name string) *Fault {
	return &Fault{
		Code:    CodePublicationEmpty,
		Message: fmt.Sprintf("publication %s holds none of the tables that the rules need, so nothing is replicated", ident(name)),
		Hint:    fmt.Sprintf("correct the names in the rules, or the source's uri; what is missing is added with: ALTER PUBLICATION %s ADD TABLE ONLY ...", ident(name)),
	}
}

const addAttempts = 20

// addTable adds a table, or a partitioned table with all its leaves. The lock timeout keeps us from standing in the queue for long,
// where the application's own statements would wait behind us.
func addTable(ctx context.Context, pool *pgxpool.Pool, name, schema, table string) error {
	for attempt := 1; ; attempt++ {
		err := tryAddTable(ctx, pool, name, schema, table)
		if err == nil || code(err) == "42710" || code(err) == "55000" { // a member already, or FOR ALL TABLES
			return nil
		}
		if code(err) == "42501" {
			return notPublished(name, schema, table)
		}
		if !locked(err) || attempt == addAttempts {
			return fmt.Errorf("add table %s to publication %q: %w", ident(schema, table), name, err)
		}
		if err := pause(ctx, time.Duration(rand.Int64N(int64(time.Second)))); err != nil {
			return err
		}
	}
}

func tryAddTable(ctx context.Context, pool *pgxpool.Pool, name, schema, table string) error {
	tx, err := pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // nothing is left to do after a Commit, nor after an error
	timeout := 200 + rand.IntN(600)
	if _, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL lock_timeout = '%dms'", timeout)); err != nil {
		return err
	}
	byFunction, err := hasPublishFunction(ctx, tx, name)
	if err != nil {
		return err
	}
	if byFunction {
		_, err = tx.Exec(ctx, fmt.Sprintf("SELECT %s($1::regclass)", ident(publishSchema, name)), ident(schema, table))
	} else {
		_, err = tx.Exec(ctx, fmt.Sprintf("ALTER PUBLICATION %s ADD TABLE ONLY %s", ident(name), ident(schema, table)))
	}
	if err != nil {
		return err
	}
	var identified bool
	if err := tx.QueryRow(ctx, identifiedQuery, ident(schema, table)).Scan(&identified); err != nil {
		return err
	}
	if !identified {
		return errIdentityGone
	}
	return tx.Commit(ctx)
}

// errIdentityGone says that a table lost its replica identity while weir waited to publish it. Published, it would refuse the
// application's updates; left alone, the next plan says what is wrong with it.
var errIdentityGone = errors.New("the table has no replica identity any more")

// identifiedQuery is asked under the lock that adding the table took, so its answer holds until the commit.
const identifiedQuery = `SELECT c.relkind = 'p' OR c.relreplident = 'f' OR c.relreplident <> 'n' AND EXISTS (
	SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid
		AND CASE c.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary AND i.indimmediate END)
FROM pg_class c WHERE c.oid = $1::regclass`

// code is the SQLSTATE of err, "" if it has none.
func code(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// locked tells that a lock was not to be had in time, or that a deadlock was broken.
func locked(err error) bool { return code(err) == "55P03" || code(err) == "40P01" }

// passing tells that a reading failed in a way that goes by: at a lock, or because the replay of a standby went before it.
func passing(err error) bool { return locked(err) || code(err) == "40001" }
