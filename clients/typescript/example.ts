// How a frontend uses the API. `npm run check` compiles it: it stops where the API parts from it.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

type Story = components["schemas"]["StoryOutput"];

export async function generate(baseUrl: string, username: string, password: string) {
  const api = createClient<paths>({ baseUrl });
  const signedIn = await api.POST("/api/v1/auth/token", { body: { username, password } });
  if (signedIn.error) throw new Error(signedIn.error.error.message);
  const headers = { Authorization: `Bearer ${signedIn.data.data.access}` };

  const projects = await api.GET("/api/v1/projects", {
    headers,
    params: { query: { q: "tides", order: "-createdAt", limit: 1 } },
  });
  const project = projects.data?.data[0];
  if (!project) throw new Error("There is no such project.");

  const started = await api.POST("/api/v1/projects/{project_id}/runs", {
    headers,
    params: {
      path: { project_id: project.id },
      header: { "Idempotency-Key": crypto.randomUUID() },
    },
    body: { mode: "standard", pacingProfile: "fast" },
  });
  if (started.error) throw new Error(started.error.error.code);
  return started.data.data.estimatedDurationMs;
}

export function title(story: Story): string {
  return `${story.code}: ${story.title} (${story.quality.score ?? "not judged"})`;
}
