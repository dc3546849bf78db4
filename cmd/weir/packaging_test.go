package main

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/weirsync/weir/clients"
	"github.com/weirsync/weir/cmd/internal/config"
)

const deployDir = "../../docs/deploy/"

func deployFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(deployDir + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// checkArgs says whether weir takes a command line.
func checkArgs(t *testing.T, args []string) {
	t.Helper()
	cmd, rest, err := newRoot().Find(args)
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err == nil {
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err != nil || cmd.RunE == nil {
		t.Errorf("weir %v: %v", args, err)
	}
}

// checkConfig loads what a deployment configures. Each of its variables must be a key, with a value that the configuration lacks without it.
func checkConfig(t *testing.T, text string, env map[string]string) *config.Config {
	t.Helper()
	load := func(without string) *config.Config {
		c, err := config.Load(config.Input{File: "weir.yaml", Text: []byte(text), Getenv: func(name string) (string, bool) {
			if name == without {
				return "", false
			}
			value, set := env[name]
			return value, set
		}})
		if err != nil && without == "" {
			t.Errorf("configuration: %v", err)
		}
		return c
	}
	c := load("")
	for name := range env {
		if name != configFileVar && reflect.DeepEqual(load(name), c) {
			t.Errorf("variable %s changes nothing", name)
		}
	}
	if c == nil {
		t.FailNow()
	}
	return c
}

// checkRules says whether rules compile.
func checkRules(t *testing.T, text string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, faults := runCommand(t, "", "rules", "validate", file); code != exitOK {
		t.Errorf("rules: %s%s", out, faults)
	}
}

// instructions returns those of a Dockerfile by their name, those of the last stage last.
func instructions(text string) map[string][]string {
	all := make(map[string][]string)
	for line := range strings.SplitSeq(text, "\n") {
		if name, rest, ok := strings.Cut(line, " "); ok && name != "#" {
			all[name] = append(all[name], rest)
		}
	}
	return all
}

// imageEnv returns the variables that the image sets.
func imageEnv(t *testing.T) map[string]string {
	env := make(map[string]string)
	for _, line := range instructions(deployFile(t, "Dockerfile"))["ENV"] {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
	}
	return env
}

// TestDockerfile: the image's commands are weir's, its variables keys, its user nobody, and what it copies is there.
func TestDockerfile(t *testing.T) {
	all := instructions(deployFile(t, "Dockerfile"))
	_, health, _ := strings.Cut(all["HEALTHCHECK"][0], " CMD ")
	for _, text := range []string{health, strings.TrimSuffix(all["ENTRYPOINT"][0], "]") + "," + all["CMD"][0][1:]} {
		var args []string
		if err := json.Unmarshal([]byte(text), &args); err != nil || args[0] != "/weir" {
			t.Fatalf("%s: %v", text, err)
		}
		checkArgs(t, args[1:])
	}
	if user := all["USER"]; len(user) != 1 || !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(user[0]) {
		t.Errorf("user %v: want one that Kubernetes can tell from root", user)
	}
	env := imageEnv(t)
	if _, port, _ := strings.Cut(checkConfig(t, "", env).Listen, ":"); port != all["EXPOSE"][0] {
		t.Errorf("weir listens on %s, the image exposes %s", port, all["EXPOSE"][0])
	}
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(regexp.MustCompile(`[A-Z_]+=`).FindAllString(strings.Join(all["RUN"], " "), -1), "release:") {
		if !regexp.MustCompile(`(?m)^` + strings.TrimRight(name, "=:") + `\b`).Match(makefile) {
			t.Errorf("the Makefile knows no %s", name)
		}
	}
}

// TestCompose: weir's variables and files in it are a configuration and rules that it takes.
func TestCompose(t *testing.T) {
	var file struct {
		Services map[string]struct {
			Build       struct{ Context, Dockerfile string }
			Environment map[string]string
			Ports       []string
			Volumes     []string
			Configs     []struct{ Source, Target string }
		}
		Configs map[string]struct{ Content string }
		Volumes map[string]any
	}
	if err := yaml.Unmarshal([]byte(deployFile(t, "compose.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	weir := file.Services["weir"]
	if _, err := os.Stat(filepath.Join(deployDir, weir.Build.Context, weir.Build.Dockerfile)); err != nil {
		t.Error(err)
	}
	for name, s := range file.Services {
		for _, c := range s.Configs {
			if file.Configs[c.Source].Content == "" {
				t.Errorf("%s: no config %s", name, c.Source)
			}
		}
		for _, v := range s.Volumes {
			if source, _, _ := strings.Cut(v, ":"); !hasKey(file.Volumes, source) {
				t.Errorf("%s: no volume %s", name, source)
			}
		}
	}
	env := imageEnv(t)
	for name, value := range weir.Environment {
		env[name] = regexp.MustCompile(`\$\{[A-Z_]+:\?[^}]*\}`).ReplaceAllString(value, "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0")
	}
	c := checkConfig(t, file.Configs["weir.yaml"].Content, env)
	checkRules(t, file.Configs["rules.yaml"].Content)
	mounted := map[string]bool{}
	for _, m := range weir.Configs {
		mounted[m.Target] = true
	}
	if !mounted[c.Rules.Path] || !mounted[env[configFileVar]] {
		t.Errorf("%s or %s is not mounted: %v", c.Rules.Path, env[configFileVar], mounted)
	}
	_, port, _ := strings.Cut(c.Listen, ":")
	if !strings.HasSuffix(weir.Ports[0], ":"+port) {
		t.Errorf("weir listens on %s, published is %s", port, weir.Ports[0])
	}
}

func hasKey(m map[string]any, key string) bool {
	_, ok := m[key]
	return ok
}

// TestUnit: the systemd unit's command line and variables are weir's.
func TestUnit(t *testing.T) {
	unit := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^(\w+)=(.*)$`).FindAllStringSubmatch(deployFile(t, "weir.service"), -1) {
		unit[m[1]] = m[2]
	}
	args := strings.Fields(unit["ExecStart"])
	checkArgs(t, args[1:])
	if name, _, _ := strings.Cut(unit["Environment"], "="); name != configFileVar {
		t.Errorf("unknown variable %s", name)
	}
	if unit["User"] == "" || unit["User"] == "root" || !strings.Contains(unit["ExecStart"], "/var/lib/"+unit["StateDirectory"]+"/") {
		t.Errorf("user %q, command %q", unit["User"], unit["ExecStart"])
	}
}

// TestKubernetes: what the objects say of each other is so, the configuration and rules are such, and weir serves what is probed.
func TestKubernetes(t *testing.T) {
	objects := kubernetesObjects(t)
	var secret struct{ StringData map[string]string }
	var files struct{ Data map[string]string }
	var set statefulSet
	decode(t, objects["Secret weir"], &secret)
	decode(t, objects["ConfigMap weir"], &files)
	decode(t, objects["StatefulSet weir"], &set)
	env := imageEnv(t)
	maps.Copy(env, secret.StringData)
	c := checkConfig(t, files.Data["weir.yaml"], env)
	checkRules(t, files.Data["rules.yaml"])
	if files.Data[strings.TrimPrefix(c.Rules.Path, "/etc/weir/")] == "" {
		t.Errorf("%s is not mounted", c.Rules.Path)
	}
	pod := set.Spec.Template.Spec
	weir := pod.Containers[0]
	checkArgs(t, weir.Args)
	ports := map[string]string{}
	for _, p := range weir.Ports {
		ports[p.Name] = p.ContainerPort
	}
	for name, listen := range map[string]string{"sync": c.Listen, "api": c.API.Listen} {
		if !strings.HasSuffix(listen, ":"+ports[name]) || ports[name] == "" {
			t.Errorf("port %s is %q, weir listens on %s", name, ports[name], listen)
		}
	}
	if objects["Service "+set.Spec.ServiceName] == nil || objects["Secret "+weir.EnvFrom[0].SecretRef.Name] == nil {
		t.Errorf("no Service %s or Secret %s", set.Spec.ServiceName, weir.EnvFrom[0].SecretRef.Name)
	}
	for _, probe := range []probeSpec{weir.StartupProbe, weir.LivenessProbe, weir.ReadinessProbe} {
		checkProbePath(t, probe.HTTPGet.Path)
		if probe.HTTPGet.Port != "sync" {
			t.Errorf("%s is not served at port %s", probe.HTTPGet.Path, probe.HTTPGet.Port)
		}
	}
	volumes := map[string]bool{}
	for _, v := range append(pod.Volumes, set.Spec.VolumeClaimTemplates...) {
		volumes[v.Name+v.Metadata.Name] = true
	}
	for _, m := range weir.VolumeMounts {
		if !volumes[m.Name] {
			t.Errorf("no volume %s", m.Name)
		}
	}
}

type probeSpec struct {
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

type volumeSpec struct {
	Name     string
	Metadata struct{ Name string }
}

// statefulSet is what is checked of one.
type statefulSet struct {
	Spec struct {
		ServiceName          string       `yaml:"serviceName"`
		VolumeClaimTemplates []volumeSpec `yaml:"volumeClaimTemplates"`
		Template             struct {
			Spec struct {
				Volumes    []volumeSpec
				Containers []struct {
					Args    []string
					EnvFrom []struct {
						SecretRef struct{ Name string } `yaml:"secretRef"`
					} `yaml:"envFrom"`
					Ports []struct {
						Name          string
						ContainerPort string `yaml:"containerPort"`
					}
					StartupProbe   probeSpec `yaml:"startupProbe"`
					LivenessProbe  probeSpec `yaml:"livenessProbe"`
					ReadinessProbe probeSpec `yaml:"readinessProbe"`
					VolumeMounts   []struct {
						Name string
					} `yaml:"volumeMounts"`
				}
			}
		}
	}
}

// kubernetesObjects returns the text of each object by "Kind name".
func kubernetesObjects(t *testing.T) map[string][]byte {
	t.Helper()
	objects := make(map[string][]byte)
	d := yaml.NewDecoder(strings.NewReader(deployFile(t, "kubernetes.yaml")))
	for {
		var object map[string]any
		err := d.Decode(&object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := yaml.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		objects[object["kind"].(string)+" "+object["metadata"].(map[string]any)["name"].(string)] = text
	}
}

func decode(t *testing.T, text []byte, out any) {
	t.Helper()
	if err := yaml.Unmarshal(text, out); err != nil {
		t.Fatal(err)
	}
}

type healthy struct{}

func (healthy) Probe() clients.Probe { return clients.Probe{Ready: true, Started: true} }

// checkProbePath asks the server of clients for a path.
func checkProbePath(t *testing.T, path string) {
	t.Helper()
	w := httptest.NewRecorder()
	clients.New(clients.Config{Health: healthy{}}).Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if w.Code != http.StatusOK {
		t.Errorf("weir answers %s with %d", path, w.Code)
	}
}
