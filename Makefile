# Every target works on Debian 12 with only the Swift toolchain and make installed.

.DEFAULT_GOAL := help
.PHONY: help demo cluster test test-long check benchmark release format clean

help: ## Show this help
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' Makefile | expand -t 20
	@echo
	@echo '  make demo DEMO_SECONDS=20               stops by itself; after a third of the time it kills a node-agent'
	@echo '  make demo KUBERNETES=1                  uses a real API server; half-way it stops the leader'

demo: ## Run a cluster-agent and three node-agents, and show which runs which checks (root if a Debian package is missing)
	@Tests/setup/packages $(if $(KUBERNETES),cluster)
	@DEMO_SECONDS='$(DEMO_SECONDS)' KUBERNETES='$(KUBERNETES)' manifests/demo/run

cluster: ## Start a hollow Kubernetes cluster with the image and the manifests, to experiment with (root)
	@Tests/setup/packages cluster image
	@Tests/hollow/cluster --image=cluster-agent:0.1.0="$$(Tests/setup/image)"

test: ## Run all tests, on a real API server too (root; the first run builds kube-apiserver)
	@echo 'make test needs root if something is missing: it installs Debian packages and builds kube-apiserver once.'
	@Tests/setup/packages cluster image benchmarks
	@Tests/setup/etcd >/dev/null
	@Tests/setup/kubernetes kube-apiserver kube-controller-manager kube-scheduler >/dev/null
	@Tests/setup/kubectl >/dev/null
	@Tests/setup/checkov >/dev/null
	@Tests/setup/manifest-tools >/dev/null
	@Tests/setup/prometheus >/dev/null
	@Tests/setup/prometheus promtool >/dev/null
	@Tests/setup/browser >/dev/null
	@Tests/setup/openmetrics-pages >/dev/null
	@Tests/setup/image >/dev/null
	@Tests/run unit simulation repository acceptance fuzzing integration manifests optimised benchmarks

test-long: ## Run the attacks, outages and hand-overs in their long forms, on release programs (root; about 40 minutes)
	@Tests/setup/packages cluster image
	@Tests/setup/etcd >/dev/null
	@Tests/setup/kubernetes kube-apiserver kube-controller-manager kube-scheduler >/dev/null
	@Tests/setup/kubectl >/dev/null
	@Tests/setup/prometheus >/dev/null
	@Tests/setup/browser >/dev/null
	@Tests/setup/openmetrics-pages >/dev/null
	@TEST_PROGRAMS="$(CURDIR)/.build-release/release" TEST_CONNECTIONS=100000 TEST_OUTAGE_SECONDS=60 \
	    TEST_LEASE_SECONDS=15 TEST_HANDOVERS=12 TEST_SERVICES=5000 TEST_CLUSTER_CHECKS=1000 \
	    Tests/run acceptance integration

check: ## Run the fast tiers: format, build, unit, simulation and repository tests
	@Tests/setup/packages
	@Tests/run unit simulation repository

benchmark: ## Print the budgets beside the measured times and memory (root the first time)
	@Tests/setup/packages load
	@Tests/load/benchmark

release: ## Make an archive of each program, stripped and with the Swift runtime linked in, and checksums in .release
	@Tests/setup/packages
	@.ci/release

format: ## Format the sources
	swift format --in-place --recursive --parallel Package.swift Sources Tests

clean: ## Remove build products (not the cache of kube-apiserver)
	rm -rf .build .build-release .build-static .demo .release
