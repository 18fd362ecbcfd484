// argocd-reads says what Argo CD reads from a namespace's Secrets, with Argo CD's own code, as JSON:
//
//	argocd-reads <kubeconfig> <namespace> <URL of an application's repository> ... < passwords
//
// Standard input has passwords to try for the account "admin", one a line. `argocd-reads bcrypt` writes the hash of the
// password there, as `argocd account bcrypt` does.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/argoproj/argo-cd/v3/util/db"
	"github.com/argoproj/argo-cd/v3/util/password"
	"github.com/argoproj/argo-cd/v3/util/settings"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

type repository struct {
	URL           string `json:"url"`
	Type          string `json:"type"`
	Username      string `json:"username"`
	Password      string `json:"password"`
	SSHPrivateKey string `json:"sshPrivateKey"`
}

type answer struct {
	// Whether the server could start with these settings.
	ServerSignature bool `json:"serverSignature"`
	// By password.
	Admin         []bool     `json:"admin"`
	PasswordMtime *time.Time `json:"passwordMtime"`
	// What is registered, with its credentials.
	Repositories []repository `json:"repositories"`
	Credentials  []string     `json:"credentials"`
	// What an application's repository is fetched with.
	Fetched []repository `json:"fetched"`
}

func main() {
	if os.Args[1] == "bcrypt" {
		line := bufio.NewScanner(os.Stdin)
		line.Scan()
		hash, err := password.HashPassword(line.Text())
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(hash)
		return
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(kubeconfig, namespace string, urls []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	manager := settings.NewSettingsManager(ctx, client, namespace)
	loaded, err := manager.GetSettings()
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	said := answer{ServerSignature: len(loaded.ServerSignature) > 0, Admin: []bool{}, Repositories: []repository{}, Credentials: []string{}, Fetched: []repository{}}
	admin, err := manager.GetAccount("admin")
	if err != nil {
		return fmt.Errorf("account: %w", err)
	}
	said.PasswordMtime = admin.PasswordMtime
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		valid, _ := password.VerifyPassword(lines.Text(), admin.PasswordHash)
		said.Admin = append(said.Admin, valid)
	}
	database := db.NewDB(namespace, manager, client)
	repositories, err := database.ListRepositories(ctx)
	if err != nil {
		return fmt.Errorf("repositories: %w", err)
	}
	for _, r := range repositories {
		said.Repositories = append(said.Repositories, repository{r.Repo, r.Type, r.Username, r.Password, r.SSHPrivateKey})
	}
	if said.Credentials, err = database.ListRepositoryCredentials(ctx); err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	for _, url := range urls {
		r, err := database.GetRepository(ctx, url, "")
		if err != nil {
			return fmt.Errorf("repository: %w", err)
		}
		said.Fetched = append(said.Fetched, repository{r.Repo, r.Type, r.Username, r.Password, r.SSHPrivateKey})
	}
	return json.NewEncoder(os.Stdout).Encode(said)
}
