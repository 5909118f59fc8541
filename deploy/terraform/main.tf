# Baton on Cloud Run, its state in Cloud SQL, archives of runs in Cloud Storage, the database's URL in Secret Manager.

resource "google_project_service" "needed" {
  for_each = toset([
    "artifactregistry.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "sqladmin.googleapis.com",
    "storage.googleapis.com",
  ])
  service            = each.key
  disable_on_destroy = false
}

resource "google_service_account" "baton" {
  account_id   = "baton"
  display_name = "Baton service"
}

# ---- state ----------------------------------------------------------------------------------------------------------

resource "google_sql_database_instance" "baton" {
  name                = "baton"
  region              = var.region
  database_version    = "POSTGRES_17"
  deletion_protection = var.deletion_protection
  depends_on          = [google_project_service.needed]

  settings {
    tier              = var.database_tier
    edition           = "ENTERPRISE"
    availability_type = "REGIONAL"
    disk_autoresize   = true

    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true
    }

    ip_configuration {
      # No address is authorised: only Google's connector, with the role below, reaches it.
      ipv4_enabled = true
      ssl_mode     = "ENCRYPTED_ONLY"
    }
  }
}

resource "google_sql_database" "baton" {
  name     = "baton"
  instance = google_sql_database_instance.baton.name
}

resource "random_password" "database" {
  length  = 40
  special = false
}

# Users of Cloud SQL may make databases and roles, which checks need.
resource "google_sql_user" "baton" {
  name     = "baton"
  instance = google_sql_database_instance.baton.name
  password = random_password.database.result
}

resource "google_storage_bucket" "runs" {
  name                        = "${var.project}-baton"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  lifecycle_rule {
    condition {
      age = 90
    }
    action {
      type = "Delete"
    }
  }
}

# ---- secrets --------------------------------------------------------------------------------------------------------

resource "google_secret_manager_secret" "database" {
  secret_id  = "baton-database-url"
  depends_on = [google_project_service.needed]

  replication {
    auto {}
  }
}

resource "google_secret_manager_secret_version" "database" {
  secret = google_secret_manager_secret.database.id
  secret_data = join("", [
    "postgresql://${google_sql_user.baton.name}:${random_password.database.result}@/${google_sql_database.baton.name}",
    "?host=/cloudsql/${google_sql_database_instance.baton.connection_name}",
  ])
}

# ---- rights ---------------------------------------------------------------------------------------------------------

resource "google_project_iam_member" "sql" {
  project = var.project
  role    = "roles/cloudsql.client"
  member  = google_service_account.baton.member
}

resource "google_storage_bucket_iam_member" "runs" {
  bucket = google_storage_bucket.runs.name
  role   = "roles/storage.objectUser"
  member = google_service_account.baton.member
}

resource "google_secret_manager_secret_iam_member" "database" {
  secret_id = google_secret_manager_secret.database.id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.baton.member
}

resource "google_secret_manager_secret_iam_member" "more" {
  for_each  = toset(values(var.secrets))
  secret_id = each.key
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.baton.member
}

resource "google_cloud_run_v2_service_iam_member" "callers" {
  for_each = toset(var.callers)
  name     = google_cloud_run_v2_service.baton.name
  location = var.region
  role     = "roles/run.invoker"
  member   = each.key
}

# ---- the service ----------------------------------------------------------------------------------------------------

resource "google_cloud_run_v2_service" "baton" {
  name                = "baton"
  location            = var.region
  ingress             = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
  deletion_protection = var.deletion_protection

  template {
    service_account                  = google_service_account.baton.email
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"
    timeout                          = "3600s"
    max_instance_request_concurrency = 40

    scaling {
      min_instance_count = var.min_instances
      max_instance_count = var.max_instances
    }

    volumes {
      name = "cloudsql"
      cloud_sql_instance {
        instances = [google_sql_database_instance.baton.connection_name]
      }
    }

    containers {
      image = var.image

      ports {
        container_port = 8080
      }

      env {
        name  = "BATON_ARTIFACTS"
        value = "gs://${google_storage_bucket.runs.name}/runs"
      }

      env {
        name = "BATON_DATABASE_URL"
        value_source {
          secret_key_ref {
            secret  = google_secret_manager_secret.database.secret_id
            version = "latest"
          }
        }
      }

      dynamic "env" {
        for_each = var.secrets
        content {
          name = env.key
          value_source {
            secret_key_ref {
              secret  = env.value
              version = "latest"
            }
          }
        }
      }

      resources {
        limits = {
          cpu    = "4"
          memory = "8Gi"
        }
        # Runs go on between requests.
        cpu_idle          = false
        startup_cpu_boost = true
      }

      startup_probe {
        period_seconds    = 2
        timeout_seconds   = 2
        failure_threshold = 30
        http_get {
          path = "/alive"
        }
      }

      liveness_probe {
        period_seconds    = 10
        timeout_seconds   = 5
        failure_threshold = 3
        http_get {
          path = "/alive"
        }
      }

      volume_mounts {
        name       = "cloudsql"
        mount_path = "/cloudsql"
      }
    }
  }

  traffic {
    type    = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
    percent = var.stable_revision == null ? 100 : var.canary_percent
  }

  # While a new image is tried, the revision before it keeps the rest.
  dynamic "traffic" {
    for_each = var.stable_revision == null ? [] : [var.stable_revision]
    content {
      type     = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
      revision = traffic.value
      percent  = 100 - var.canary_percent
    }
  }

  # Not before the service may read what it needs.
  depends_on = [
    google_secret_manager_secret_version.database,
    google_secret_manager_secret_iam_member.database,
    google_secret_manager_secret_iam_member.more,
    google_project_iam_member.sql,
    google_storage_bucket_iam_member.runs,
  ]
}
