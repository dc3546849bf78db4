package replicator

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/replicator/pgtest"
	"github.com/weirsync/weir/syncrules"
)

// TestSurvey: faults of the server, the publication and tables come with the tables themselves.
func TestSurvey(t *testing.T) {
	d := pgtest.New(t)
	role := "surveyor_" + d.Name
	d.Exec(`CREATE ROLE ` + role + ` LOGIN PASSWORD 'secret-word';
		CREATE SCHEMA other;
		CREATE TABLE good (id int PRIMARY KEY, tags text[]);
		CREATE TABLE other.keyless (id int);
		CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
		CREATE TABLE parted_a PARTITION OF parted FOR VALUES FROM (0) TO (10);
		GRANT USAGE ON SCHEMA other TO ` + role + `;
		GRANT SELECT ON good, parted, parted_a TO ` + role)
	defer func() { d.Exec("DROP OWNED BY " + role + "; DROP ROLE " + role) }()

	pattern := func(schema, name string) syncrules.TablePattern {
		return syncrules.TablePattern{Schema: schema, Name: name}
	}
	good, keyless, parted, partition, missing := pattern("public", "good"), pattern("other", "keyless"), pattern("public", "parted"),
		pattern("public", "parted_a"), pattern("public", "missing")
	all := []syncrules.TablePattern{good, keyless, parted, partition, missing}

	s, err := ReadSurvey(t.Context(), Config{URI: withUser(t, d.URI(), role, "secret-word"), Publication: "weir"}, all)
	if err != nil {
		t.Fatal(err)
	}
	var columns []string
	for _, rel := range s.Schema.Tables {
		for _, c := range rel.Columns {
			columns = append(columns, rel.Schema+"."+rel.Name+"."+c.Name)
		}
	}
	if diff := cmp.Diff([]string{"other.keyless.id", "public.good.id", "public.good.tags", "public.parted.id"}, columns); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	if typ := s.Schema.Tables[1].Columns[1].Type; typ.Kind != syncrules.TypeArray || typ.Elem.Name != "text" {
		t.Errorf("type of tags: got %+v, want an array of text", typ)
	}
	var got strings.Builder
	got.WriteString(show(s.Faults))
	for _, p := range all {
		got.WriteString("# " + p.Name + "\n" + show(s.TableFaults(p)))
	}
	golden(t, "survey.txt", strings.ReplaceAll(strings.ReplaceAll(got.String(), role, "surveyor"), d.Name, "app"))

	owner, err := ReadSurvey(t.Context(), Config{URI: d.URI(), Publication: "weir"}, all)
	if err != nil {
		t.Fatal(err)
	}
	if faults := append(owner.Faults, owner.TableFaults(good)...); len(faults) > 0 {
		t.Errorf("the owner of everything: got %v, want no fault", faults)
	}
}

func TestSurveyOfNothing(t *testing.T) {
	_, err := ReadSurvey(t.Context(), Config{URI: "postgres://u:secret-word@127.0.0.1:1/app", Publication: "weir"}, nil)
	if err == nil || strings.Contains(err.Error(), "secret-word") || !strings.Contains(err.Error(), "can't be reached") {
		t.Errorf("got %v, want a fault without the password", err)
	}
}
